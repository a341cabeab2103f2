#include "server/types/config_source.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "base/check.h"

namespace signalbox {

bool ComesFromThisServer(const google::protobuf::Message& config_source) {
  const auto* specifier = config_source.GetDescriptor()->FindOneofByName("config_source_specifier");
  SB_CHECK(specifier != nullptr);
  const auto* given =
      config_source.GetReflection()->GetOneofFieldDescriptor(config_source, specifier);
  return given == nullptr || given->name() == "ads" || given->name() == "self";
}

}  // namespace signalbox
