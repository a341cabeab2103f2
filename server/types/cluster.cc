#include "server/types/cluster.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <utility>

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

}  // namespace

void AddClusterReferences(const Message& cluster, std::vector<Reference>* references) {
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

}  // namespace signalbox
