#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/descriptors/descriptors.h"

// Keys, passwords and the like inside messages: what stands itself in a field that the API marks as
// sensitive (udpa.annotations.sensitive), or is the text of a private key, nested `typed_config`s
// included. The name of a file or of an environment variable that holds one is none.
namespace signalbox {

// What stands in the place of key material that is not shown.
inline constexpr absl::string_view kRedacted = "[redacted]";

struct KeyMaterial {
  std::string path;       // of the field: "tls_certificate.private_key"
  bool redacted = false;  // it is kRedacted: somebody applies what was shown
};

// The key material in `message`, in the order of its fields, at most `most` of it. `message` must
// be of `descriptors`.
std::vector<KeyMaterial> FindKeyMaterial(const Descriptors& descriptors,
                                         const google::protobuf::Message& message, size_t most);

// Puts kRedacted in the place of all key material. A nested message whose type is not known is
// left out.
void RedactKeyMaterial(const Descriptors& descriptors, google::protobuf::Message* message);

}  // namespace signalbox
