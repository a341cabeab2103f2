#include "server/types/cluster.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "base/check.h"
#include "server/types/config_source.h"

namespace signalbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string StringField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  SB_CHECK(field != nullptr);
  return message.GetReflection()->GetString(message, field);
}

const Message& MessageField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  SB_CHECK(field != nullptr);
  return message.GetReflection()->GetMessage(message, field);
}

class ClusterType final : public ResourceType {
 public:
  using ResourceType::ResourceType;

  void AddOwnReferences(const Message& cluster, std::vector<Reference>* references) const override {
    const FieldDescriptor* type = cluster.GetDescriptor()->FindFieldByName("type");
    SB_CHECK(type != nullptr);
    if (!cluster.GetReflection()->HasField(cluster, type)) return;
    if (cluster.GetReflection()->GetEnum(cluster, type)->name() != "EDS") return;
    const Message& eds = MessageField(cluster, "eds_cluster_config");
    if (!ComesFromThisServer(MessageField(eds, "eds_config"))) return;
    std::string name = StringField(eds, "service_name");
    references->push_back(
        {"endpoints", name.empty() ? StringField(cluster, "name") : std::move(name)});
  }
};

}  // namespace

std::unique_ptr<ResourceType> MakeClusterType() {
  const Kind* kind = FindKind("cluster");
  SB_CHECK(kind != nullptr);
  return std::make_unique<ClusterType>(
      *kind, ResourceType::Protocol{
                 .abbreviation = "CDS", .full_state_in_sotw = true, .legacy_wildcard = true});
}

}  // namespace signalbox
