#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "options/settings.h"

namespace signalbox {

// The whole of a running instance. Owns everything in the order of construction; destruction, the
// reverse, is the shutdown plan: listeners first, then the publisher, the store last.
class Daemon {
 public:
  // Starts everything; when this returns, proxies and operators are served.
  //   kFailedPrecondition  the store is in use, a listener cannot be bound, ...; the text says what
  //   to do any                  what the store gives
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const options::Settings& settings);

  // Takes over what can change while it runs: store.slow_query, and what is in the files of the
  // certificate.
  void Reload(const options::Settings& settings);

  // Ends streams, finishes what is being committed, closes the store.
  ~Daemon();

  // As bound: "HOST:PORT", "HOST:PORT", a path.
  const std::string& xds_address() const;
  const std::string& http_address() const;
  const std::string& admin_socket() const;

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox
