#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <cstddef>
#include <vector>

#include "server/descriptors/descriptors.h"
#include "server/descriptors/field_path.h"

namespace signalbox {

// More errors than this are of no use at once.
inline constexpr size_t kMaxFieldErrors = 20;

// How deep objects and lists may nest: what protobuf's JSON reader allows.
inline constexpr int kMaxJsonDepth = 100;

// What keeps `json` from being a message of `type` in proto3 JSON, since protobuf's own conversion
// gives no path within an Any: fields, enum values and types that do not exist (with what was
// probably meant), the same field under both its names, two fields of a oneof, values of the wrong
// kind or out of range, texts that are no duration, time or base64. Every Any is checked as the
// message that its "@type" names, and a TypedStruct as what its type_url names if that is known.
// Errors are in the order of the document's sorted keys, at most kMaxFieldErrors. Pure; safe from
// any thread.
std::vector<FieldError> CheckJson(const Descriptors& descriptors,
                                  const google::protobuf::Descriptor* type,
                                  const google::protobuf::Struct& json);

}  // namespace signalbox
