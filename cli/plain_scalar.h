#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <string>

#include "absl/strings/string_view.h"

namespace signalbox::cli {

// What a scalar without quotes becomes.
struct PlainValue {
  google::protobuf::Value value;
  std::string error;  // not empty: why it cannot be passed on
};

// As a value of `field`, which is not a message. What does not look like such a value is passed on
// as text.
PlainValue PlainToField(const google::protobuf::FieldDescriptor& field, absl::string_view text);

// Where no field is known: null, true, false, numbers and text as in YAML 1.2's core schema.
PlainValue PlainToCore(absl::string_view text);

}  // namespace signalbox::cli
