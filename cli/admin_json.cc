#include "cli/admin_json.h"

#include <cmath>
#include <cstdint>
#include <map>

namespace signalbox::cli {
namespace {

template <typename Map>
Json SortedObject(const Map& map) {
  Json object = Json::Object();
  for (const auto& [key, value] :
       std::map<typename Map::key_type, typename Map::mapped_type>(map.begin(), map.end())) {
    object.Set(key, value);
  }
  return object;
}

void SetUnlessEmpty(const char* key, const std::string& value, Json* object) {
  if (!value.empty()) object->Set(key, value);
}

void SetTime(const char* key, bool present, const google::protobuf::Timestamp& time, Json* object) {
  if (present) object->Set(key, Rfc3339(time));
}

Json ToJson(const admin::v1::RevisionInfo& info) {
  Json object = Json::Object({{"revision", info.revision()}});
  SetTime("time", info.has_time(), info.time(), &object);
  object.Set("author", info.author());
  object.Set("message", info.message());
  object.Set("kind", info.kind());
  object.Set("digest", info.digest());
  return object;
}

}  // namespace

Json ToJson(const admin::v1::RevisionEntry& entry) {
  Json object = ToJson(entry.info());
  if (entry.removed()) object.Set("removed", true);
  return object;
}

Json ToJson(const admin::v1::Resource& resource) {
  Json object = Json::Object(
      {{"namespace", resource.namespace_()}, {"kind", resource.kind()}, {"name", resource.name()}});
  if (resource.labels_size() > 0) object.Set("labels", SortedObject(resource.labels()));
  if (resource.annotations_size() > 0)
    object.Set("annotations", SortedObject(resource.annotations()));
  if (resource.groups_size() > 0) {
    Json groups = Json::Array();
    for (const std::string& group : resource.groups()) groups.Append(group);
    object.Set("groups", groups);
  }
  object.Set("spec", ToJson(resource.spec()));
  SetUnlessEmpty("problem", resource.problem(), &object);
  SetUnlessEmpty("owner", resource.owner(), &object);
  SetUnlessEmpty("source", resource.source(), &object);
  object.Set("revision", resource.revision());
  object.Set("etag", resource.etag());
  return object;
}

Json ToJson(const admin::v1::Node& node) {
  Json object = Json::Object({{"namespace", node.namespace_()},
                              {"group", node.group()},
                              {"id", node.id()},
                              {"state", StateName(node.state())},
                              {"revision", node.revision()},
                              {"behind", node.behind()},
                              {"client", node.client()},
                              {"variant", node.variant()}});
  SetTime("since", node.has_since(), node.since(), &object);
  SetTime("connected", node.has_connected(), node.connected(), &object);
  SetUnlessEmpty("detail", node.detail(), &object);
  Json types = Json::Array();
  for (const admin::v1::NodeType& type : node.types()) {
    Json entry = Json::Object(
        {{"kind", type.kind()}, {"state", StateName(type.state())}, {"revision", type.revision()}});
    SetTime("since", type.has_since(), type.since(), &entry);
    if (type.refused_size() > 0) {
      Json refused = Json::Array();
      for (const std::string& name : type.refused()) refused.Append(name);
      entry.Set("refused", refused);
    }
    SetUnlessEmpty("error", type.error(), &entry);
    SetUnlessEmpty("detail", type.detail(), &entry);
    types.Append(entry);
  }
  object.Set("types", types);
  return object;
}

Json ToJson(const admin::v1::InfoResponse& info) {
  Json store = Json::Object({{"driver", info.store()}});
  SetUnlessEmpty("location", info.store_location(), &store);
  store.Set("bytes", info.store_bytes());
  store.Set("schema", info.schema_version());
  if (info.has_standbys()) {
    Json standbys = Json::Object({{"synchronous", info.standbys().synchronous()}});
    if (info.standbys().has_connected()) standbys.Set("connected", info.standbys().connected());
    store.Set("standbys", standbys);
  }
  SetUnlessEmpty("problem", info.store_problem(), &store);

  Json object = Json::Object({{"version", info.version()}, {"pid", info.pid()}});
  SetTime("started", info.has_started(), info.started(), &object);
  object.Set("store", store);
  if (info.has_head()) object.Set("head", ToJson(info.head()));
  object.Set("served_revision", info.served_revision());
  object.Set("xds_address", info.xds_address());
  object.Set("http_address", info.http_address());
  object.Set("nodes", SortedObject(info.nodes()));
  object.Set("resources", SortedObject(info.resources()));
  return object;
}

Json ToJson(const google::protobuf::Struct& object) {
  Json out = Json::Object();
  std::map<std::string, const google::protobuf::Value*> sorted;
  for (const auto& [key, value] : object.fields()) sorted[key] = &value;
  for (const auto& [key, value] : sorted) out.Set(key, ToJson(*value));
  return out;
}

Json ToJson(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kBoolValue:
      return value.bool_value();
    case google::protobuf::Value::kNumberValue: {
      const double number = value.number_value();
      constexpr double kExact = 9007199254740992;  // 2^53: whole numbers below it are exact
      if (std::abs(number) < kExact && number == std::floor(number))
        return static_cast<int64_t>(number);
      return number;
    }
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kStructValue:
      return ToJson(value.struct_value());
    case google::protobuf::Value::kListValue: {
      Json array = Json::Array();
      for (const google::protobuf::Value& element : value.list_value().values())
        array.Append(ToJson(element));
      return array;
    }
    default:
      return Json();
  }
}

std::string StateName(admin::v1::NodeState state) {
  return state == admin::v1::NODE_STATE_UNSPECIFIED || !admin::v1::NodeState_IsValid(state)
             ? "UNKNOWN"
             : admin::v1::NodeState_Name(state);
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string Rfc3339(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", ToTime(time), absl::UTCTimeZone());
}

}  // namespace signalbox::cli
