#pragma once

#include <cstddef>

namespace signalbox::limits {

// Threads that serve HTTP: probes, a scraper or two and a person. A connection that is open keeps
// one; further connections wait in the kernel.
inline constexpr size_t kHttpThreads = 8;

// Accepted connections that wait for a thread. Beyond it nothing is accepted until a thread is
// free.
inline constexpr size_t kHttpWaiting = 64;

// Connections that the kernel keeps for us before that: a burst of probes and scrapers. Beyond it
// clients try again.
inline constexpr int kHttpBacklog = 128;

// A request's body: names that a proxy asks for over REST, some ten thousand of them. In memory a
// document takes a multiple of it, on each thread. Beyond it: 413.
inline constexpr size_t kMaxHttpBodyBytes = size_t{1} << 20;

// From a request's first byte to the last of its answer, and how long an idle connection is kept,
// since each takes a thread. Beyond it the connection is closed.
inline constexpr int kHttpRequestSeconds = 5;
inline constexpr int kHttpKeepAliveSeconds = 2;

// Requests on one connection; then it is closed, so that nobody keeps a thread for ever.
inline constexpr size_t kHttpRequestsPerConnection = 100;

}  // namespace signalbox::limits
