#include "server/xds/resource_errors.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/service/discovery/v3/discovery.pb.h"

namespace signalbox {
namespace {

TEST_CASE("who reads errors is told by agent and version (XDS X5)") {
  CHECK(ReadsResourceErrors("gRPC C-core linux", "C-core 1.71.0"));
  CHECK(ReadsResourceErrors("gRPC C-core linux", "C-core 1.80.0-dev"));
  CHECK(ReadsResourceErrors("gRPC C-core osx", "C-core 2.0.0"));
  CHECK_FALSE(ReadsResourceErrors("gRPC C-core linux", "C-core 1.70.1"));
  CHECK_FALSE(ReadsResourceErrors("gRPC C-core linux", "C-core 1.51.1"));
  CHECK_FALSE(ReadsResourceErrors("gRPC C-core linux", ""));
  CHECK_FALSE(ReadsResourceErrors("gRPC C-core linux", "C-core 2"));
  CHECK_FALSE(ReadsResourceErrors("gRPC C-core linux", "C-core x.71.0"));
  CHECK_FALSE(ReadsResourceErrors("gRPC Go", "1.75.0"));
  CHECK_FALSE(ReadsResourceErrors("envoy", "1.71.0"));
  CHECK_FALSE(ReadsResourceErrors("", ""));
}

TEST_CASE("a name that does not exist is an error with that name (XDS X5)") {
  envoy::service::discovery::v3::ResourceError error;
  REQUIRE(error.ParseFromString(NotFound("a/b")));
  CHECK(error.resource_name().name() == "a/b");
  CHECK(error.error_detail().code() == 5);
  CHECK_FALSE(error.error_detail().message().empty());
}

}  // namespace
}  // namespace signalbox
