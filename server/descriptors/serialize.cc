#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/strip.h"
#include "base/check.h"
#include "server/descriptors/descriptors.h"
#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;

// A map's key in an order of its own; only one member is ever other than its default.
using MapKey = std::tuple<int64_t, uint64_t, std::string>;

MapKey KeyOf(const Message& entry) {
  const Reflection* reflection = entry.GetReflection();
  const FieldDescriptor* key = entry.GetDescriptor()->map_key();
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return {reflection->GetInt32(entry, key), 0, ""};
    case FieldDescriptor::CPPTYPE_INT64:
      return {reflection->GetInt64(entry, key), 0, ""};
    case FieldDescriptor::CPPTYPE_UINT32:
      return {0, reflection->GetUInt32(entry, key), ""};
    case FieldDescriptor::CPPTYPE_UINT64:
      return {0, reflection->GetUInt64(entry, key), ""};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {0, reflection->GetBool(entry, key) ? 1 : 0, ""};
    default:
      return {0, 0, reflection->GetString(entry, key)};
  }
}

// Leaves one entry for each key, the last one, in the order of the keys.
void SortMap(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  std::map<MapKey, int> last;
  for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
    last[KeyOf(reflection->GetRepeatedMessage(*message, field, i))] = i;
  }
  std::vector<std::unique_ptr<Message>> entries;
  for (const auto& [key, index] : last) {
    const Message& entry = reflection->GetRepeatedMessage(*message, field, index);
    entries.emplace_back(entry.New());
    entries.back()->CopyFrom(entry);
  }
  reflection->ClearField(message, field);
  for (const auto& entry : entries) reflection->AddMessage(message, field)->CopyFrom(*entry);
}

std::string Encode(const Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    SB_CHECK(message.SerializePartialToCodedStream(&out));
  }
  return bytes;
}

// How many Any may stand within each other; what is deeper stays as it is. More never happens in
// earnest, and each level is decoded with all below it.
constexpr int kMaxNestedAny = 32;

void Normalise(Message* message, int any_depth);

// Encodes what an Any carries anew, if its type is known and its bytes are such a message.
void NormaliseAny(Message* any, int any_depth) {
  if (any_depth >= kMaxNestedAny) return;
  const Reflection* reflection = any->GetReflection();
  const FieldDescriptor* url_field = any->GetDescriptor()->FindFieldByNumber(1);
  const FieldDescriptor* value_field = any->GetDescriptor()->FindFieldByNumber(2);
  const std::string type_url = reflection->GetString(*any, url_field);
  absl::string_view name = type_url;
  if (!absl::ConsumePrefix(&name, kTypeUrlPrefix)) return;
  const Descriptor* type =
      any->GetDescriptor()->file()->pool()->FindMessageTypeByName(std::string(name));
  if (type == nullptr) return;
  std::unique_ptr<Message> value(reflection->GetMessageFactory()->GetPrototype(type)->New());
  if (!value->ParsePartialFromString(reflection->GetString(*any, value_field))) return;
  Normalise(value.get(), any_depth + 1);
  reflection->SetString(any, value_field, Encode(*value));
}

void Normalise(Message* message, int any_depth) {
  if (message->GetDescriptor()->full_name() == "google.protobuf.Any")
    return NormaliseAny(message, any_depth);
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      Normalise(reflection->MutableMessage(message, field), any_depth);
      continue;
    }
    if (field->is_map()) SortMap(message, field);
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      Normalise(reflection->MutableRepeatedMessage(message, field, i), any_depth);
    }
  }
}

}  // namespace

std::string SerializeDeterministic(const Message& message) {
  std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  Normalise(copy.get(), 0);
  return Encode(*copy);
}

}  // namespace signalbox
