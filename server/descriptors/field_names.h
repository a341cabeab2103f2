#pragma once

#include <google/protobuf/descriptor.h>

#include "absl/strings/string_view.h"

namespace signalbox {

// The field of `type` that proto3 JSON may call `name`: by its name in the .proto file or by its
// JSON name. Or nullptr.
const google::protobuf::FieldDescriptor* FindFieldByEitherName(
    const google::protobuf::Descriptor* type, absl::string_view name);

// Whether `type` is a message whose `value`, a Struct, Envoy reads as the message that its
// `type_url` names.
bool IsTypedStruct(const google::protobuf::Descriptor* type);

// Whether two names are the two names of one field, or the same: "connect_timeout",
// "connectTimeout".
bool SameFieldName(absl::string_view a, absl::string_view b);

}  // namespace signalbox
