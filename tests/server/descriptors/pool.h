#pragma once

#include <google/protobuf/struct.pb.h>

#include "absl/strings/string_view.h"
#include "server/descriptors/descriptors.h"

namespace signalbox::testing {

// The messages of this build; made once, never destroyed.
const Descriptors& Pool();

// A JSON object as a Struct. Aborts unless `text` is one.
google::protobuf::Struct Json(absl::string_view text);

}  // namespace signalbox::testing
