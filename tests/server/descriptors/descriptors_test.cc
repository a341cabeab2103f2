#include "server/descriptors/descriptors.h"

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "server/descriptors/kinds.h"
#include "tests/server/descriptors/pool.h"

namespace signalbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using testing::Pool;

void SetString(Message* message, const char* field, const std::string& value) {
  message->GetReflection()->SetString(message, message->GetDescriptor()->FindFieldByName(field),
                                      value);
}

// Adds `key` -> `value` to a map of strings.
void AddEntry(Message* message, const char* map, const std::string& key, const std::string& value) {
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(map);
  Message* entry = message->GetReflection()->AddMessage(message, field);
  SetString(entry, "key", key);
  SetString(entry, "value", value);
}

TEST_CASE("messages of Envoy's API and of our own are known") {
  for (const Kind& kind : Kinds()) {
    REQUIRE(Pool().FindMessage(kind.message_name) != nullptr);
    if (!kind.name_field.empty()) {
      CHECK(Pool().FindMessage(kind.message_name)->FindFieldByName(std::string(kind.name_field)) !=
            nullptr);
    }
    CHECK(FindKind(kind.name) == &kind);
  }
  CHECK(Pool().FindMessage("signalbox.admin.v1.Resource") != nullptr);
  CHECK(Pool().FindMessage("google.protobuf.Struct") != nullptr);
  CHECK(Pool().FindMessage("xds.type.v3.TypedStruct") != nullptr);
  CHECK(Pool().FindExtension("validate.rules") != nullptr);
}

TEST_CASE("what is not known is not found") {
  CHECK(FindKind("clusters") == nullptr);
  CHECK(Pool().FindMessage("envoy.config.cluster.v3.Clustre") == nullptr);
  CHECK(Pool().FindMessage("") == nullptr);
  CHECK(Pool().FindByTypeUrl("envoy.config.cluster.v3.Cluster") == nullptr);
  CHECK(Pool().FindByTypeUrl("type.example.com/envoy.config.cluster.v3.Cluster") == nullptr);
  CHECK(Pool().FindExtension("validate.rule") == nullptr);
}

TEST_CASE("every message has a name and every name a message") {
  const std::vector<std::string> names = Pool().MessageNames();
  CHECK(names.size() > 2000);
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(std::binary_search(names.begin(), names.end(),
                           "envoy.config.cluster.v3.Cluster.EdsClusterConfig"));
  for (const std::string& name : names) {
    CAPTURE(name);
    REQUIRE(Pool().FindMessage(name) != nullptr);
  }
}

TEST_CASE("bytes that are no message are refused") {
  const auto* cluster = Pool().FindMessage("envoy.config.cluster.v3.Cluster");
  const auto message = Pool().Parse(cluster, "\xff\xff");
  CHECK(message.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(message.status().message() == "the bytes are not a envoy.config.cluster.v3.Cluster");
}

TEST_CASE("many threads may look up and make messages at once") {
  const auto pool = Descriptors::Create();
  REQUIRE(pool.ok());
  std::vector<std::thread> threads;
  std::vector<int> made(4);
  for (int& count : made) {
    threads.emplace_back([&pool, &count] {
      for (const char* name :
           {"envoy.config.listener.v3.Listener", "envoy.config.cluster.v3.Cluster",
            "envoy.extensions.filters.http.router.v3.Router"}) {
        const auto* type = (*pool)->FindMessage(name);
        count += type != nullptr && (*pool)->New(type)->GetDescriptor() == type ? 1 : 0;
      }
      count += (*pool)->MessageNames().empty() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(made == std::vector<int>{4, 4, 4, 4});
}

TEST_CASE("equal messages have equal bytes whatever the order of their maps") {
  const auto* type = Pool().FindMessage("signalbox.admin.v1.Resource");
  const auto one = Pool().New(type);
  const auto other = Pool().New(type);
  for (int i = 0; i < 50; ++i) AddEntry(one.get(), "labels", "k" + std::to_string(i), "v");
  for (int i = 50; i-- > 0;) AddEntry(other.get(), "labels", "k" + std::to_string(i), "v");
  CHECK(one->SerializeAsString() != other->SerializeAsString());
  CHECK(SerializeDeterministic(*one) == SerializeDeterministic(*other));

  SECTION("within an Any too") {
    const auto pack = [](const std::string& bytes) {
      auto any = Pool().New(Pool().FindMessage("google.protobuf.Any"));
      SetString(any.get(), "type_url", "type.googleapis.com/signalbox.admin.v1.Resource");
      SetString(any.get(), "value", bytes);
      return any;
    };
    const auto one_any = pack(one->SerializeAsString());
    const auto other_any = pack(other->SerializeAsString());
    CHECK(SerializeDeterministic(*one_any) == SerializeDeterministic(*other_any));
  }
}

TEST_CASE("of entries with one key the last stays, as in every reader") {
  const auto message = Pool().New(Pool().FindMessage("signalbox.admin.v1.Resource"));
  AddEntry(message.get(), "labels", "a", "1");
  AddEntry(message.get(), "labels", "a", "2");
  const auto expected = Pool().New(message->GetDescriptor());
  AddEntry(expected.get(), "labels", "a", "2");
  CHECK(SerializeDeterministic(*message) == SerializeDeterministic(*expected));
}

TEST_CASE("an Any that is not understood keeps its bytes") {
  for (const char* type :
       {"type.googleapis.com/no.such.Type", "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "elsewhere/x", ""}) {
    const auto any = Pool().New(Pool().FindMessage("google.protobuf.Any"));
    SetString(any.get(), "type_url", type);
    SetString(any.get(), "value", "\xff\xff");
    CHECK(SerializeDeterministic(*any) == any->SerializeAsString());
  }
}

TEST_CASE("Any within Any beyond reason is left as it is") {
  const auto* any_type = Pool().FindMessage("google.protobuf.Any");
  const auto wrap = [&](std::string bytes, int levels) {
    std::string type = "signalbox.admin.v1.Resource";
    for (int i = 0; i < levels; ++i) {
      const auto any = Pool().New(any_type);
      SetString(any.get(), "type_url", "type.googleapis.com/" + type);
      SetString(any.get(), "value", bytes);
      bytes = any->SerializeAsString();
      type = "google.protobuf.Any";
    }
    return bytes;
  };
  const auto resource = Pool().New(Pool().FindMessage("signalbox.admin.v1.Resource"));
  AddEntry(resource.get(), "labels", "b", "");
  AddEntry(resource.get(), "labels", "a", "");
  const std::string unsorted = resource->SerializeAsString();
  const std::string sorted = SerializeDeterministic(*resource);
  REQUIRE(unsorted != sorted);
  CHECK(SerializeDeterministic(**Pool().Parse(any_type, wrap(unsorted, 32))) == wrap(sorted, 32));
  CHECK(SerializeDeterministic(**Pool().Parse(any_type, wrap(unsorted, 33))) == wrap(unsorted, 33));
  CHECK(SerializeDeterministic(**Pool().Parse(any_type, wrap(unsorted, 2000))) ==
        wrap(unsorted, 2000));
}

TEST_CASE("a message of a generated class serialises the same way") {
  google::protobuf::Struct one, other;
  for (int i = 0; i < 50; ++i)
    (*one.mutable_fields())["k" + std::to_string(i)].set_bool_value(true);
  for (int i = 50; i-- > 0;)
    (*other.mutable_fields())["k" + std::to_string(i)].set_bool_value(true);
  CHECK(SerializeDeterministic(one) == SerializeDeterministic(other));
}

}  // namespace
}  // namespace signalbox
