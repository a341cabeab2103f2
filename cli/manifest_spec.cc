#include "cli/manifest_spec.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "cli/plain_scalar.h"
#include "server/descriptors/field_names.h"
#include "server/descriptors/field_path.h"

namespace signalbox::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr int kMapCost = 3;   // Struct, its entry, the entry's Value
constexpr int kListCost = 2;  // ListValue, its element's Value

class Converter {
 public:
  Converter(const Descriptors& descriptors, std::vector<SpecError>* errors)
      : descriptors_(descriptors), errors_(errors) {}

  // The members as fields of `type`; "@type" as text.
  void Fields(const Descriptor* type, const YamlNode& map, const FieldPath& path, int depth,
              Struct* out) {
    for (const YamlMember& member : map.members) {
      const FieldPath at{&path, member.key};
      if (!Enter(member.position, at, depth)) return;
      Value& value = (*out->mutable_fields())[member.key];
      const FieldDescriptor* field = FindFieldByEitherName(type, member.key);
      if (const Descriptor* struct_type = TypedStructValue(type, map, member.key);
          struct_type != nullptr) {
        Message(struct_type, *member.value, at, depth + kMapCost, &value);
      } else if (field == nullptr) {
        Free(*member.value, at, depth + kMapCost, &value);
      } else {
        Field(field, *member.value, at, depth + kMapCost, &value);
      }
    }
  }

 private:
  // Counts a value; false when there is no going on.
  bool Enter(Position position, const FieldPath& path, int depth) {
    if (stopped_) return false;
    if (depth > kMaxWireDepth) {
      Report(position, path, "nested too deeply to be sent");
      stopped_ = true;
    } else if (++nodes_ > kMaxSpecNodes) {
      Report(position, path, absl::StrCat("more than ", kMaxSpecNodes, " values in one spec"));
      stopped_ = true;
    }
    return !stopped_;
  }

  void Report(Position position, const FieldPath& path, std::string text) {
    errors_->push_back({position, path.ToString(), std::move(text)});
  }

  void Field(const FieldDescriptor* field, const YamlNode& node, const FieldPath& path, int depth,
             Value* out) {
    if (field->is_map() && node.kind == YamlNode::Kind::kMap) {
      Struct* object = out->mutable_struct_value();
      for (const YamlMember& member : node.members) {
        const FieldPath at{&path, member.key};
        if (!Enter(member.position, at, depth)) return;
        One(field->message_type()->map_value(), *member.value, at, depth + kMapCost,
            &(*object->mutable_fields())[member.key]);
      }
    } else if (field->is_repeated() && !field->is_map() && node.kind == YamlNode::Kind::kList) {
      out->mutable_list_value();
      for (const auto& element : node.elements) {
        const FieldPath at{&path, "", out->list_value().values_size()};
        if (!Enter(element->position, at, depth)) return;
        One(field, *element, at, depth + kListCost, out->mutable_list_value()->add_values());
      }
    } else if (field->is_repeated()) {
      Free(node, path, depth, out);
    } else {
      One(field, node, path, depth, out);
    }
  }

  void One(const FieldDescriptor* field, const YamlNode& node, const FieldPath& path, int depth,
           Value* out) {
    if (field->message_type() != nullptr)
      return Message(field->message_type(), node, path, depth, out);
    if (node.kind != YamlNode::Kind::kScalar) return Free(node, path, depth, out);
    if (!node.plain) return out->set_string_value(node.text);
    Set(PlainToField(*field, node.text), node.position, path, out);
  }

  void Message(const Descriptor* type, const YamlNode& node, const FieldPath& path, int depth,
               Value* out) {
    switch (type->well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_STRUCT:
      case Descriptor::WELLKNOWNTYPE_VALUE:
      case Descriptor::WELLKNOWNTYPE_LISTVALUE:
        return Free(node, path, depth, out);
      case Descriptor::WELLKNOWNTYPE_DURATION:
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        if (node.kind != YamlNode::Kind::kScalar) return Free(node, path, depth, out);
        return out->set_string_value(node.text);
      case Descriptor::WELLKNOWNTYPE_ANY:
        return Any(node, path, depth, out);
      case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
        if (node.kind != YamlNode::Kind::kMap) return Free(node, path, depth, out);
        return Fields(type, node, path, depth, out->mutable_struct_value());
      default:  // the wrappers
        return One(type->FindFieldByNumber(1), node, path, depth, out);
    }
  }

  void Any(const YamlNode& node, const FieldPath& path, int depth, Value* out) {
    const YamlMember* type_url = node.Find("@type");
    const Descriptor* type =
        type_url == nullptr ? nullptr : descriptors_.FindByTypeUrl(type_url->value->text);
    if (node.kind != YamlNode::Kind::kMap || type == nullptr) return Free(node, path, depth, out);
    Struct* object = out->mutable_struct_value();
    if (type->well_known_type() == Descriptor::WELLKNOWNTYPE_UNSPECIFIED)
      return Fields(type, node, path, depth, object);
    for (const YamlMember& member : node.members) {
      const FieldPath at{&path, member.key};
      if (!Enter(member.position, at, depth)) return;
      Value& value = (*object->mutable_fields())[member.key];
      if (member.key == "value") {
        Message(type, *member.value, at, depth + kMapCost, &value);
      } else {
        Free(*member.value, at, depth + kMapCost, &value);
      }
    }
  }

  // What the `value` of a TypedStruct is a message of, if `key` is that and the type is known.
  const Descriptor* TypedStructValue(const Descriptor* type, const YamlNode& map,
                                     const std::string& key) const {
    if (key != "value" || !IsTypedStruct(type)) return nullptr;
    const YamlMember* type_url = map.Find("type_url");
    if (type_url == nullptr) type_url = map.Find("typeUrl");
    return type_url == nullptr ? nullptr : descriptors_.FindByTypeUrl(type_url->value->text);
  }

  void Free(const YamlNode& node, const FieldPath& path, int depth, Value* out) {
    switch (node.kind) {
      case YamlNode::Kind::kNull:
        return out->set_null_value(google::protobuf::NULL_VALUE);
      case YamlNode::Kind::kScalar:
        if (!node.plain) return out->set_string_value(node.text);
        return Set(PlainToCore(node.text), node.position, path, out);
      case YamlNode::Kind::kList:
        out->mutable_list_value();
        for (const auto& element : node.elements) {
          const FieldPath at{&path, "", out->list_value().values_size()};
          if (!Enter(element->position, at, depth)) return;
          Free(*element, at, depth + kListCost, out->mutable_list_value()->add_values());
        }
        return;
      case YamlNode::Kind::kMap:
        out->mutable_struct_value();
        for (const YamlMember& member : node.members) {
          const FieldPath at{&path, member.key};
          if (!Enter(member.position, at, depth)) return;
          Free(*member.value, at, depth + kMapCost,
               &(*out->mutable_struct_value()->mutable_fields())[member.key]);
        }
    }
  }

  void Set(PlainValue plain, Position position, const FieldPath& path, Value* out) {
    if (!plain.error.empty()) Report(position, path, std::move(plain.error));
    *out = std::move(plain.value);
  }

  const Descriptors& descriptors_;
  std::vector<SpecError>* const errors_;
  size_t nodes_ = 0;
  bool stopped_ = false;
};

}  // namespace

Struct SpecToJson(const Descriptors& descriptors, const Descriptor* type, const YamlNode& spec,
                  std::vector<SpecError>* errors) {
  Struct json;
  Converter(descriptors, errors).Fields(type, spec, FieldPath(), kMapCost, &json);
  return json;
}

}  // namespace signalbox::cli
