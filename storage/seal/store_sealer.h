#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "storage/seal/sealer.h"

namespace signalbox {

// The sealer of an open store, which changes when keys do. Safe from any thread.
class StoreSealer {
 public:
  // At the store's start. `key_file` is its path; "" for keys in memory, for a store that does not
  // outlive the process. `wrapped_hash_key` is what the store has; none in a new store, which then
  // stores what Current()->WrapHashKey() gives: there a key file that is missing is made; elsewhere
  // that is an error, since a new key would open nothing.
  //   kFailedPrecondition  the key file is missing, open to others or cannot be read, or lacks the
  //                        key: the text says what to do
  //   kDataLoss            the key file or the wrapped key is damaged
  static absl::StatusOr<std::unique_ptr<StoreSealer>> Open(
      std::string key_file, std::optional<absl::string_view> wrapped_hash_key);

  // The newest one. Take it inside the transaction that reads or writes with it: what a reader can
  // see was sealed with a key that this one has by then.
  std::shared_ptr<const Sealer> Current() const SB_EXCLUDES(mu_);

  // Adds a new active key to the key file. From now on Current() seals with it; what was sealed
  // before still opens.
  //   as KeyFile::Rotate, but kFailedPrecondition for a file that is missing
  absl::StatusOr<std::shared_ptr<const Sealer>> Rotate() SB_EXCLUDES(mu_);

  // Takes over what is in the key file by now: another instance, or its owner, may have changed it.
  //   as KeyFile::Read, but kFailedPrecondition for a file that is missing
  absl::StatusOr<std::shared_ptr<const Sealer>> Reload() SB_EXCLUDES(mu_);

 private:
  StoreSealer(std::string key_file, std::shared_ptr<const Sealer> sealer)
      : key_file_(std::move(key_file)), sealer_(std::move(sealer)) {}

  std::shared_ptr<const Sealer> Take(KeyRing ring) SB_EXCLUDES(mu_);

  const std::string key_file_;

  mutable Mutex mu_;
  std::shared_ptr<const Sealer> sealer_ SB_GUARDED_BY(mu_);
};

}  // namespace signalbox
