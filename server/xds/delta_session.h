#pragma once

#include <string>

#include "server/xds/session.h"

namespace signalbox {

// The incremental variant (XDS section 1.4). Requests and responses are
// envoy.service.discovery.v3.DeltaDiscovery*.
class DeltaSession : public Session {
 public:
  // `context` must outlive this object. `stream_id` makes nonces unique among streams.
  DeltaSession(const SessionContext* context, std::string stream_id);

  absl::Status OnRequest(absl::string_view bytes, absl::Time now) override;

 protected:
  std::optional<Response> Compose(Subscription& subscription, const Subscription::Pending& pending,
                                  absl::Time now) override;
};

}  // namespace signalbox
