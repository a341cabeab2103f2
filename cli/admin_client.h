#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/output.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/config.pb.h"
#include "signalbox/admin/v1/nodes.pb.h"
#include "signalbox/admin/v1/revisions.pb.h"
#include "signalbox/admin/v1/system.pb.h"

namespace signalbox::cli {

// The daemon's admin API as the verbs use it: every list is whole, every error is a status with the
// daemon's field violations. Every method blocks for at most the timeout for each request it makes:
//   kDeadlineExceeded  no answer within it
//   kUnavailable       the connection broke
// One thread only.
class AdminClient {
 public:
  // Connects to "unix:PATH" or "HOST:PORT".
  //   kInvalidArgument   PATH is too long for a socket
  //   kUnavailable       nobody answers there, with the reason kNotConnected
  //   kPermissionDenied  the socket is not for this user
  static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const std::string& target,
                                                              absl::Duration timeout);
  static constexpr char kNotConnected[] = "NOT_CONNECTED";

  ~AdminClient();

  // Applies, and asks once more with the same request id when the connection breaks, so that a
  // daemon that restarts is waited for. `request` must have a request id unless it only validates.
  //   kInvalidArgument  also when the request is larger than the daemon takes
  //   kUnavailable, kDeadlineExceeded  whether it was written is unknown
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request);

  absl::StatusOr<admin::v1::Resource> Get(const admin::v1::ResourceName& name,
                                          admin::v1::View view = admin::v1::REDACTED);
  // Every resource of a namespace and kind that `filter` (ListRequest.filter) lets through, sorted.
  absl::StatusOr<std::vector<admin::v1::Resource>> List(const std::string& namespace_name,
                                                        const std::string& kind,
                                                        const std::string& filter = "",
                                                        admin::v1::View view = admin::v1::REDACTED);

  // The newest revisions first, at most `most` (at least 1): all, or those that changed `resource`.
  absl::StatusOr<std::vector<admin::v1::RevisionEntry>> ListRevisions(
      const std::optional<admin::v1::ResourceName>& resource, int most);

  struct Nodes {
    std::vector<admin::v1::Node> nodes;
    int64_t revision = 0;  // what they should have
  };
  // Every node, or those with this id, sorted.
  absl::StatusOr<Nodes> ListNodes(const std::string& id = "");

  absl::StatusOr<admin::v1::InfoResponse> Info();

 private:
  struct Connection;

  AdminClient(std::unique_ptr<Connection> connection, absl::Duration timeout);

  const std::unique_ptr<Connection> connection_;
  const absl::Duration timeout_;
};

// Connects to where the context says, or else the options (cli/server_target.h).
absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Context& context);

// The error with a hint for what it usually means.
Failure AdminFailure(const absl::Status& status);

// An id that no other request has.
std::string NewRequestId();

}  // namespace signalbox::cli
