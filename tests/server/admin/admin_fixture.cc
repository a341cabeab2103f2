#include "tests/server/admin/admin_fixture.h"

#include <google/protobuf/util/json_util.h>

#include "base/check.h"

namespace signalbox::testing {

AdminFixture::AdminFixture() {
  auto opened = SqliteResourceStore::Create(
      {.directory = "", .applied_by = "test", .clock = &clock, .random = &random});
  SB_CHECK(opened.ok());
  store = *std::move(opened);
  auto made = Descriptors::Create();
  SB_CHECK(made.ok());
  descriptors = *std::move(made);
  const auto judging = [this]() -> absl::StatusOr<Judging> {
    const absl::StatusOr<Head> head = store->ReadHead();
    if (!head.ok()) return head.status();
    return Judging{head->revision, judged_epoch.value_or(head->epoch), judge,
                   [this](const ChangeSet& changes) { return judge->warnings(changes); }};
  };
  config = std::make_unique<ConfigHandler>(store.get(), descriptors.get(), judging,
                                           ConfigHandler::Admit{}, ConfigHandler::Applied{},
                                           [this](const AuditEvent& event) {
                                             audited.push_back(event);
                                             return auditing;
                                           });
  revisions = std::make_unique<RevisionsHandler>(store.get());
}

admin::v1::ApplyRequest AdminFixture::ApplyOf(const std::string& kind, const std::string& name,
                                              const std::string& spec) {
  admin::v1::ApplyRequest request;
  Add(kind, name, spec, &request);
  return request;
}

admin::v1::Resource* AdminFixture::Add(const std::string& kind, const std::string& name,
                                       const std::string& spec, admin::v1::ApplyRequest* request) {
  admin::v1::Resource* resource = request->add_resources();
  resource->set_kind(kind);
  resource->set_name(name);
  SB_CHECK(google::protobuf::util::JsonStringToMessage(spec, resource->mutable_spec()).ok());
  return resource;
}

admin::v1::ApplyResponse AdminFixture::MustApply(const admin::v1::ApplyRequest& request) {
  const auto response = config->Apply(request, Caller{});
  SB_CHECK(response.ok());
  return *response;
}

}  // namespace signalbox::testing
