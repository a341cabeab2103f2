#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <string>

#include "absl/strings/string_view.h"

namespace signalbox {

// What a JSON value is, for errors: "a number", `"text"`, "a list", "null".
std::string DescribeJson(const google::protobuf::Value& value);

// What is wrong with `value` for one value of `field`, which is not a message; "" when it is right.
// 64-bit numbers may be written as strings, and must be where a JSON number would not hold them
// exactly.
std::string CheckScalar(const google::protobuf::FieldDescriptor& field,
                        const google::protobuf::Value& value);

// What is wrong with a map's key; "" when it is right.
std::string CheckMapKey(const google::protobuf::FieldDescriptor& key_field, absl::string_view key);

// What is wrong with the text of a google.protobuf.Duration ("0.25s") or Timestamp (RFC 3339); ""
// when it is right.
std::string CheckDuration(const google::protobuf::Value& value);
std::string CheckTimestamp(const google::protobuf::Value& value);

}  // namespace signalbox
