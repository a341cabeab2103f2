#include "server/xds/resource_errors.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"

namespace signalbox {
namespace {

constexpr int kNotFound = 5;  // google.rpc.Code

struct Row {
  absl::string_view agent;           // what `user_agent_name` begins with
  absl::string_view version_prefix;  // what stands before the numbers of `user_agent_version`
  int major;
  int minor;  // the first that reads them
};

// C-core (C++, Python, Ruby, PHP) reads them since 1.71, where it is switched on
// (GRPC_EXPERIMENTAL_XDS_DATA_ERROR_HANDLING), and passes over them elsewhere. Envoy, and gRPC in
// Go, Java and Node, do not.
constexpr Row kReaders[] = {
    {"gRPC C-core", "C-core ", 1, 71},
};

}  // namespace

bool ReadsResourceErrors(absl::string_view agent, absl::string_view version) {
  for (const Row& row : kReaders) {
    if (!absl::StartsWith(agent, row.agent)) continue;
    absl::string_view numbers = version;
    if (absl::StartsWith(numbers, row.version_prefix))
      numbers.remove_prefix(row.version_prefix.size());
    const std::vector<absl::string_view> parts = absl::StrSplit(numbers, '.');
    int major, minor;
    if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major) ||
        !absl::SimpleAtoi(parts[1], &minor)) {
      return false;
    }
    return major > row.major || (major == row.major && minor >= row.minor);
  }
  return false;
}

std::string NotFound(const std::string& name) {
  envoy::service::discovery::v3::ResourceError error;
  error.mutable_resource_name()->set_name(name);
  error.mutable_error_detail()->set_code(kNotFound);
  error.mutable_error_detail()->set_message("there is no resource of this name");
  return error.SerializeAsString();
}

}  // namespace signalbox
