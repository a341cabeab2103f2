#include "server/descriptors/field_names.h"

#include <string>

#include "absl/strings/ascii.h"

namespace signalbox {
namespace {

// "connect_timeout" as JSON writes it, which leaves "connectTimeout" as it is.
std::string CamelCase(absl::string_view name) {
  std::string camel;
  bool upper = false;
  for (char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      camel.push_back(upper ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c);
      upper = false;
    }
  }
  return camel;
}

}  // namespace

const google::protobuf::FieldDescriptor* FindFieldByEitherName(
    const google::protobuf::Descriptor* type, absl::string_view name) {
  const std::string text(name);
  if (const auto* field = type->FindFieldByName(text); field != nullptr) return field;
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->json_name() == text) return type->field(i);
  }
  return nullptr;
}

bool IsTypedStruct(const google::protobuf::Descriptor* type) {
  return type->full_name() == "xds.type.v3.TypedStruct" ||
         type->full_name() == "udpa.type.v1.TypedStruct";
}

bool SameFieldName(absl::string_view a, absl::string_view b) {
  return a == b || CamelCase(a) == CamelCase(b);
}

}  // namespace signalbox
