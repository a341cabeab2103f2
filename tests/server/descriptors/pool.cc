#include "tests/server/descriptors/pool.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "base/check.h"

namespace signalbox::testing {

const Descriptors& Pool() {
  static const Descriptors* const kPool = [] {
    auto pool = Descriptors::Create();
    SB_CHECK(pool.ok());
    return pool->release();
  }();
  return *kPool;
}

google::protobuf::Struct Json(absl::string_view text) {
  google::protobuf::Struct json;
  SB_CHECK(google::protobuf::util::JsonStringToMessage(std::string(text), &json).ok());
  return json;
}

}  // namespace signalbox::testing
