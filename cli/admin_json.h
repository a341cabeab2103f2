#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/json.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "signalbox/admin/v1/config.pb.h"
#include "signalbox/admin/v1/nodes.pb.h"
#include "signalbox/admin/v1/revisions.pb.h"
#include "signalbox/admin/v1/system.pb.h"

namespace signalbox::cli {

// The admin API's messages as `-o json` shows them: every field that can be left out is left out
// when empty, and members stand in a fixed order, so that equal messages give equal bytes.

Json ToJson(const admin::v1::Resource& resource);
Json ToJson(const admin::v1::Node& node);
Json ToJson(const admin::v1::InfoResponse& info);
Json ToJson(const admin::v1::RevisionEntry& entry);

// Objects with their members sorted by name.
Json ToJson(const google::protobuf::Struct& object);
Json ToJson(const google::protobuf::Value& value);

// "SYNCED", "NACK", ...
std::string StateName(admin::v1::NodeState state);

absl::Time ToTime(const google::protobuf::Timestamp& time);
// RFC 3339 in UTC, to the millisecond.
std::string Rfc3339(const google::protobuf::Timestamp& time);

}  // namespace signalbox::cli
