#include "server/descriptors/key_material.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "server/descriptors/field_path.h"

namespace signalbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The number of udpa.annotations.sensitive among the options of a field.
constexpr int kSensitiveOption = 76569463;
constexpr char kAny[] = "google.protobuf.Any";
constexpr char kDataSource[] = "envoy.config.core.v3.DataSource";
// How many Any may stand within each other; what is deeper is not looked at, and not shown.
constexpr int kMaxNestedAny = 32;

bool IsMarked(const FieldDescriptor* field) {
  if (&field->options() == &google::protobuf::FieldOptions::default_instance()) return false;
  // Whether or not this build has a class that knows the option.
  google::protobuf::UnknownFieldSet options;
  if (!options.ParseFromString(field->options().SerializeAsString())) return false;
  for (int i = 0; i < options.field_count(); ++i) {
    const google::protobuf::UnknownField& option = options.field(i);
    if (option.number() == kSensitiveOption &&
        option.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return option.varint() != 0;
    }
  }
  return false;
}

bool IsKeyText(const std::string& text) { return absl::StrContains(text, "PRIVATE KEY-----"); }

// A walk through a message that calls `on_found` for each field that holds key material, and takes
// it out where it may.
class Walk {
 public:
  enum class What { kFind, kRedact };

  Walk(const Descriptors& descriptors, What what, std::function<void(KeyMaterial)> on_found)
      : descriptors_(descriptors), what_(what), on_found_(std::move(on_found)) {}

  // `sensitive`: the field that the message stands in is marked. True when the message changed.
  bool Visit(Message* message, const FieldPath& path, bool sensitive, int any_depth) {
    if (message->GetDescriptor()->full_name() == kAny)
      return VisitAny(message, path, sensitive, any_depth);
    const bool data_source = message->GetDescriptor()->full_name() == kDataSource;
    const Reflection* const reflection = message->GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(*message, &fields);
    bool changed = false;
    for (const FieldDescriptor* field : fields) {
      if (message->GetDescriptor()->options().map_entry() && field->name() == "key") continue;
      // Of what is marked as a whole only the data itself is key material, not where it comes from.
      const bool marked =
          IsMarked(field) ||
          (sensitive && (!data_source || absl::StartsWith(field->name(), "inline")));
      const FieldPath here = {&path, field->name()};
      if (!field->is_repeated()) {
        changed |= VisitValue(message, field, -1, here, marked, any_depth);
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(*message, field); ++i)
        changed |= VisitValue(message, field, i, FieldPath{&here, "", i}, marked, any_depth);
    }
    return changed;
  }

 private:
  bool VisitValue(Message* message, const FieldDescriptor* field, int index, const FieldPath& path,
                  bool marked, int any_depth) {
    const Reflection* const reflection = message->GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return Visit(index < 0 ? reflection->MutableMessage(message, field)
                             : reflection->MutableRepeatedMessage(message, field, index),
                   path, marked, any_depth);
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
    const std::string value = index < 0 ? reflection->GetString(*message, field)
                                        : reflection->GetRepeatedString(*message, field, index);
    if (value.empty() || !(marked || IsKeyText(value))) return false;
    const bool redacted = value == kRedacted;
    on_found_({path.ToString(), redacted});
    if (what_ == What::kFind || redacted) return false;
    if (field->name() == "inline_bytes" && index < 0) {
      // Bytes would be shown in base64.
      const FieldDescriptor* const text =
          message->GetDescriptor()->FindFieldByName("inline_string");
      if (text != nullptr && text->containing_oneof() == field->containing_oneof()) {
        reflection->SetString(message, text, std::string(kRedacted));
        return true;
      }
    }
    if (index < 0) {
      reflection->SetString(message, field, std::string(kRedacted));
    } else {
      reflection->SetRepeatedString(message, field, index, std::string(kRedacted));
    }
    return true;
  }

  bool VisitAny(Message* any, const FieldPath& path, bool sensitive, int any_depth) {
    const Reflection* const reflection = any->GetReflection();
    const FieldDescriptor* const value = any->GetDescriptor()->FindFieldByName("value");
    const google::protobuf::Descriptor* const type = descriptors_.FindByTypeUrl(
        reflection->GetString(*any, any->GetDescriptor()->FindFieldByName("type_url")));
    if (type != nullptr && any_depth < kMaxNestedAny) {
      auto nested = descriptors_.Parse(type, reflection->GetString(*any, value));
      if (nested.ok()) {
        if (!Visit(nested->get(), path, sensitive, any_depth + 1)) return false;
        reflection->SetString(any, value, SerializeDeterministic(**nested));
        return true;
      }
    }
    if (what_ == What::kFind) return false;
    any->Clear();
    return true;
  }

  const Descriptors& descriptors_;
  const What what_;
  const std::function<void(KeyMaterial)> on_found_;
};

}  // namespace

std::vector<KeyMaterial> FindKeyMaterial(const Descriptors& descriptors, const Message& message,
                                         size_t most) {
  std::vector<KeyMaterial> found;
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  Walk(descriptors, Walk::What::kFind, [&](KeyMaterial one) {
    if (found.size() < most) found.push_back(std::move(one));
  }).Visit(copy.get(), FieldPath{}, false, 0);
  return found;
}

void RedactKeyMaterial(const Descriptors& descriptors, Message* message) {
  Walk(descriptors, Walk::What::kRedact, [](const KeyMaterial&) {
  }).Visit(message, FieldPath{}, false, 0);
}

}  // namespace signalbox
