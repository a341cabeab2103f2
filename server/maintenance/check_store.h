#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "storage/audit_log.h"
#include "storage/resource_store.h"
#include "storage/upkeep.h"

namespace signalbox {

// Reads a whole store through its interfaces and compares it with what it should be: every record
// at the head and within the history kept with its hash, both chains. Damage is in the result.
// Others may use the store meanwhile.
//   kUnavailable  reading failed
absl::StatusOr<Verification> CheckStore(ResourceStore* resources, AuditLog* audit);

// The upkeep of a store on a database server: it is verified by CheckStore and backed up with the
// server's own tools.
class ServerUpkeep : public StoreUpkeep {
 public:
  struct Stores {
    std::unique_ptr<ResourceStore> resources;
    std::unique_ptr<AuditLog> audit;
  };

  // `open` opens the stores when they are wanted.
  explicit ServerUpkeep(std::function<absl::StatusOr<Stores>()> open) : open_(std::move(open)) {}

  absl::StatusOr<Verification> Verify() override;
  absl::StatusOr<Backup> BackUp(const std::string& directory) override;

 private:
  const std::function<absl::StatusOr<Stores>()> open_;
};

}  // namespace signalbox
