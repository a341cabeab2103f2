#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/descriptors/descriptors.h"
#include "server/descriptors/field_path.h"

namespace signalbox {

// The message of `type` that `json` writes as proto3 JSON; fields may have either of their names.
// First the document is held against the descriptors (json_check.h), then protobuf converts it;
// what is wrong is added to `errors` (may be null), in the names the user wrote, at most
// kMaxFieldErrors. Safe from any thread.
//   kInvalidArgument  there were errors; the text is the first one and how many more
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> MessageFromJson(
    const Descriptors& descriptors, const google::protobuf::Descriptor* type,
    const google::protobuf::Struct& json, std::vector<FieldError>* errors);

// `message` as proto3 JSON, with the names of the .proto files and without fields that are not set.
// `message` must be of `descriptors`. Safe from any thread.
//   kInvalidArgument  an Any in it has a type that is not known, or bytes that are not of its type
absl::StatusOr<google::protobuf::Struct> MessageToJson(const Descriptors& descriptors,
                                                       const google::protobuf::Message& message);

// The same as one line of text; equal messages give equal text.
absl::StatusOr<std::string> MessageToJsonText(const Descriptors& descriptors,
                                              const google::protobuf::Message& message);

}  // namespace signalbox
