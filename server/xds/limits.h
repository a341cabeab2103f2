#pragma once

#include <cstddef>

namespace signalbox::limits {

// A message from a client. A delta client that reconnects lists every name and version it has:
// 200,000 of them are some 30 MiB (XDS D14). Beyond it gRPC ends the stream with
// RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxRequestBytes = size_t{64} << 20;

// Names that one stream may subscribe to in one type; far above any fleet's, so that a runaway
// client is told. Beyond it the stream ends with RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxNamesPerType = 500000;

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

// What is kept of an error text that a client sends: enough for every message of Envoy that names
// its cause.
inline constexpr size_t kMaxErrorBytes = 4096;

// Nodes whose refusals are remembered between streams; the least recently seen goes first.
inline constexpr size_t kMaxRememberedNodes = 20000;

}  // namespace signalbox::limits
