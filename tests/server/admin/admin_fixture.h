#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/error_details.h"
#include "base/random.h"
#include "server/admin/config.h"
#include "server/admin/revisions.h"
#include "server/descriptors/descriptors.h"
#include "server/types/registry.h"
#include "signalbox/admin/v1/config.pb.h"
#include "storage/judge.h"
#include "storage/model/audit_event.h"
#include "storage/sqlite/sqlite_resource_store.h"
#include "tests/testing/fake_clock.h"

namespace signalbox::testing {

// A judge that says what the test wants; accepts everything until told otherwise.
class ScriptedJudge : public Judge {
 public:
  absl::Status Check(Revision judged_on, absl::Span<const RevisionChanges> since,
                     const ChangeSet& changes) const override {
    ++asked;
    return verdict(changes);
  }

  std::function<absl::Status(const ChangeSet&)> verdict = [](const ChangeSet&) {
    return absl::OkStatus();
  };
  std::function<std::vector<FieldViolation>(const ChangeSet&)> warnings =
      [](const ChangeSet&) -> std::vector<FieldViolation> { return {}; };
  mutable int asked = 0;
};

// A ConfigHandler over an empty store in memory.
class AdminFixture {
 public:
  AdminFixture();

  // A request with one resource; `spec` is proto3 JSON.
  static admin::v1::ApplyRequest ApplyOf(const std::string& kind, const std::string& name,
                                         const std::string& spec);
  // Adds one more.
  static admin::v1::Resource* Add(const std::string& kind, const std::string& name,
                                  const std::string& spec, admin::v1::ApplyRequest* request);
  // Applies and expects success.
  admin::v1::ApplyResponse MustApply(const admin::v1::ApplyRequest& request);

  FakeClock clock;
  SystemRandom random;
  std::unique_ptr<SqliteResourceStore> store;
  std::unique_ptr<Descriptors> descriptors;
  TypeRegistry registry;
  std::shared_ptr<ScriptedJudge> judge = std::make_shared<ScriptedJudge>();
  std::optional<uint64_t> judged_epoch;      // that the judge stands on; none: the store's
  std::vector<AuditEvent> audited;           // by `config`
  absl::Status auditing = absl::OkStatus();  // what the audit log says
  std::unique_ptr<ConfigHandler> config;
  std::unique_ptr<RevisionsHandler> revisions;
};

}  // namespace signalbox::testing
