#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

#include "cli/yaml_document.h"
#include "server/descriptors/descriptors.h"

namespace signalbox::cli {

// How many messages within messages the protobuf form of a spec may be: readers stop at 100, and
// the request around it takes a few. A mapping costs three, a list two.
inline constexpr int kMaxWireDepth = 94;

// Values in one spec, aliases counted each time. A body of 4 MiB holds fewer.
inline constexpr size_t kMaxSpecNodes = 1'000'000;

// What of a spec cannot be passed on.
struct SpecError {
  Position position;
  std::string path;  // as in FieldError
  std::string text;
};

// The proto3 JSON object that `spec`, a mapping, is for a message of `type`. What a plain scalar
// becomes depends on the field it stands for, as far as the field is known: 1.10 in a string field
// is "1.10", `yes` in a bool field is true, 0x10 in a number field is 16; 64-bit numbers that a
// JSON number does not hold exactly become strings. Elsewhere the rules of YAML 1.2's core schema
// hold. Quoted scalars are strings everywhere. Whether fields exist and values fit is the server's
// to say. Adds to `errors` what cannot be passed on: numbers that readers of YAML do not agree on,
// numbers that would lose digits, what is too deep or too much.
google::protobuf::Struct SpecToJson(const Descriptors& descriptors,
                                    const google::protobuf::Descriptor* type, const YamlNode& spec,
                                    std::vector<SpecError>* errors);

}  // namespace signalbox::cli
