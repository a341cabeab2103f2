#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace signalbox::limits {

// A message from a client. A delta client that reconnects lists every name and version it has:
// 200,000 of them are some 30 MiB (XDS D14). Beyond it gRPC ends the stream with
// RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxRequestBytes = size_t{64} << 20;

// Names that one stream may subscribe to in one type; far above any fleet's, so that a runaway
// client is told. Beyond it the stream ends with RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxNamesPerType = 500000;

// The bytes of those names, which a delta stream adds up over its requests: as much as one request
// could bring. Beyond it the stream ends with RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxNameBytesPerType = kMaxRequestBytes;

// A name, a nonce or a version that a client sends; none of ours is longer. Beyond it the stream
// ends with INVALID_ARGUMENT.
inline constexpr size_t kMaxTokenBytes = 4096;

// What one message carries where a response may be split. Receivers stop at 4 MiB by default (XDS
// D13); the rest of the message fits into the difference. A single larger resource goes alone.
inline constexpr size_t kMaxResponseBytes = size_t{3584} << 10;

// Responses of one type that a client has read and not answered. Beyond it the nonces of the second
// oldest are forgotten: an answer to a later one settles them too, as it does anyway. At one
// overrun in 30 s that takes eight hours; a split response has never so many parts.
inline constexpr size_t kMaxUnanswered = 1024;

// Streams on one connection: a proxy needs one, or one for each type. Further ones wait in the
// client.
inline constexpr int kMaxStreamsPerConnection = 100;

// Streams of one node. One is enough; Envoy opens one for each type where it uses separate
// services, and then one for each cluster that has endpoints. Beyond it a stream ends with
// RESOURCE_EXHAUSTED.
inline constexpr int kMaxStreamsPerNode = 2000;

// Streams in all: 10,000 proxies with one or a few each. An idle one takes some 36 KiB, 120 with
// mTLS. Beyond it a stream ends with RESOURCE_EXHAUSTED before anything is read from it.
inline constexpr int kMaxStreams = 40000;

// How long a stream may stay without its first request: those that never say anything would fill
// the places of others. Beyond it the stream ends with DEADLINE_EXCEEDED.
inline constexpr absl::Duration kFirstRequestWithin = absl::Seconds(60);

// Requests on one stream: an answer to each response and a request for each name that traffic calls
// for. Before its first response a client may send one for each of its names, hence the burst.
// Beyond it the stream ends with RESOURCE_EXHAUSTED.
inline constexpr double kRequestsPerSecond = 1000;
inline constexpr double kRequestBurst = 20000;

// A load report: numbers for each cluster and locality, some 100 bytes each. And how many come:
// proxies are told to send one in ten seconds. Beyond either the stream ends with
// RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxLoadReportBytes = size_t{4} << 20;
inline constexpr double kLoadReportsPerSecond = 10;
inline constexpr double kLoadReportBurst = 100;

// Pairs of a cluster and a locality whose load is told apart, and localities of one cluster: each
// pair is four lines of /metrics. What is beyond is summed up. Names that are longer as well.
inline constexpr size_t kMaxLoadRows = 2000;
inline constexpr int kMaxLoadLocalities = 32;
inline constexpr size_t kMaxLoadLabelBytes = 256;

// Heartbeats of one stream that its client has not answered, of which it is known what they told: a
// refusal of one says that something of it has gone. A client answers within its round trip. Beyond
// it the oldest is forgotten.
inline constexpr size_t kMaxUnansweredHeartbeats = 64;

// What is kept of an error text that a client sends: enough for every message of Envoy that names
// its cause.
inline constexpr size_t kMaxErrorBytes = 4096;

// Nodes without a stream whose refusals are remembered; the one seen longest ago goes first.
inline constexpr size_t kMaxRememberedNodes = 20000;

// Refusals of one client that outlive the process. One that refuses more refuses everything: what
// is beyond is sent once more after a restart.
inline constexpr size_t kMaxQuarantines = 1000;

}  // namespace signalbox::limits
