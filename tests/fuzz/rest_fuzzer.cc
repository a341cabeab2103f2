// What a client may send to REST discovery: the first byte chooses the path, the rest is the body.
// Whatever comes is answered by one of the statuses that there are, and what is answered is JSON.
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/json.h"
#include "server/http/rest_discovery.h"
#include "server/snapshot/snapshot_cache.h"
#include "server/xds/services.h"
#include "storage/model/resource.h"
#include "tests/testing/xds_bodies.h"

namespace signalbox::testing {
namespace {

// A few resources of each type, and what answers of them.
class Server {
 public:
  Server() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->group = {std::string(kDefaultNamespace), std::string(kDefaultGroup)};
    snapshot->revision = Revision{1};
    snapshot->types.assign(bodies_.registry().in_push_order().size(), TypeSet::Empty());
    for (const char* name : {"cluster", "endpoints", "listener", "route"}) {
      const int index = bodies_.registry().FindByShortName(name)->index();
      snapshot->types[index] =
          TypeSet::Of({bodies_.Make(name, "a", "1"), bodies_.Make(name, "b", "1")});
    }
    cache_.Publish(snapshot);
  }

  void Ask(absl::string_view path, absl::string_view body) const {
    const RestDiscovery::Answer answer = rest_.Post(path, body);
    switch (answer.status) {
      case 200:
        SB_CHECK(Json::Parse(answer.body).ok());
        return;
      case 304:
        SB_CHECK(answer.body.empty());
        return;
      case 400:
      case 403:
      case 404:
        SB_CHECK(!answer.body.empty());
        return;
      default:
        SB_CHECK(false);
    }
  }

 private:
  XdsBodies bodies_;
  SnapshotCache cache_;
  const RestDiscovery rest_{&bodies_.descriptors(), &bodies_.registry(), &cache_, "fuzzed"};
};

}  // namespace
}  // namespace signalbox::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const auto* const server = new signalbox::testing::Server();
  if (size == 0) return 0;
  const auto services = signalbox::DiscoveryServices();
  const absl::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  server->Ask(services[bytes[0] % services.size()].rest_path, body);
  return 0;
}
