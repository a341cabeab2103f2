#include "storage/migrator/migration_policy.h"

namespace signalbox {

absl::string_view MigrationPolicyName(MigrationPolicy policy) {
  switch (policy) {
    case MigrationPolicy::kAuto:
      return "auto";
    case MigrationPolicy::kRequire:
      return "require";
    case MigrationPolicy::kOff:
      return "off";
  }
  return "unknown";
}

std::optional<MigrationPolicy> MigrationPolicyNamed(absl::string_view name) {
  for (const MigrationPolicy policy :
       {MigrationPolicy::kAuto, MigrationPolicy::kRequire, MigrationPolicy::kOff}) {
    if (MigrationPolicyName(policy) == name) return policy;
  }
  return std::nullopt;
}

}  // namespace signalbox
