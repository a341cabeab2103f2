#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/testing/postgres_cluster.h"

namespace signalbox::testing {

// Stands between a client and a PostgreSQL, both on Unix sockets, and can be told to cut the
// connection at the nth round trip: what the client sends up to and with a Sync, or one simple
// query. Safe from any thread; ends its threads at the end of the scope.
class PostgresProxy {
 public:
  enum class Cut {
    kBefore,  // nothing of the round trip reaches the server
    kMiddle,  // its first half does
    kAfter,   // all of it does and is done; the answer is lost
  };
  // Which round trips are counted.
  enum class Counted {
    kAll,
    kWriters,  // those of connections that have begun a transaction that writes, with that one
  };

  // `cluster` must outlive it.
  explicit PostgresProxy(const PostgresCluster* cluster);
  ~PostgresProxy();
  PostgresProxy(const PostgresProxy&) = delete;
  PostgresProxy& operator=(const PostgresProxy&) = delete;

  // How a client reaches `database` through it.
  std::string Url(const std::string& database) const;

  // Counts anew from here; the nth one is cut, once. 0: none is.
  void CutAt(int64_t nth, Cut how, Counted counted);
  // Whether it was, since CutAt.
  bool Fired() const;
  // The round trips since CutAt.
  int64_t Count() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace signalbox::testing
