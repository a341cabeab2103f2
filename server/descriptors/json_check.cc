#include "server/descriptors/json_check.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/suggest.h"
#include "server/descriptors/field_names.h"
#include "server/descriptors/json_scalar.h"
#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr absl::string_view kTypeKey = "@type";

// Whether JSON writes the message other than as an object of its fields, so that an Any wraps it in
// "value".
bool HasFormOfItsOwn(const Descriptor* type) {
  return type->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
}

std::vector<std::pair<std::string, const Value*>> Sorted(const Struct& object) {
  std::vector<std::pair<std::string, const Value*>> members;
  for (const auto& [key, value] : object.fields()) members.emplace_back(key, &value);
  std::sort(members.begin(), members.end());
  return members;
}

class Checker {
 public:
  Checker(const Descriptors& descriptors, std::vector<FieldError>* errors)
      : descriptors_(descriptors), errors_(errors) {}

  // The object's members as fields of `type`; `skip` is no field.
  void CheckFields(const Descriptor* type, const Struct& object, const FieldPath& path, int depth,
                   absl::string_view skip) {
    if (TooDeep(path, depth)) return;
    std::map<const FieldDescriptor*, std::string> seen;
    std::map<const OneofDescriptor*, std::string> chosen;
    for (const auto& [key, value] : Sorted(object)) {
      if (key == skip) continue;
      if (Full()) return;
      const FieldPath at{&path, key};
      const FieldDescriptor* field = FindFieldByEitherName(type, key);
      if (field == nullptr) {
        Add(at, absl::StrCat("unknown field of ", type->full_name(), SuggestField(type, key)));
        continue;
      }
      if (const auto [other, fresh] = seen.emplace(field, key); !fresh) {
        Add(at, absl::StrCat("the same field as \"", other->second, "\": give it once"));
        continue;
      }
      if (value->kind_case() == Value::kNullValue && !TakesNull(field))
        continue;  // null is: not set
      if (const OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
        if (const auto [other, fresh] = chosen.emplace(oneof, key); !fresh) {
          Add(at, absl::StrCat("excludes \"", other->second, "\": give one of them"));
          continue;
        }
      }
      CheckField(field, *value, at, depth);
    }
    if (IsTypedStruct(type)) CheckTypedStruct(object, path, depth);
  }

 private:
  bool Full() const { return errors_->size() >= kMaxFieldErrors; }

  void Add(const FieldPath& path, std::string description) {
    if (!Full()) errors_->push_back({path.ToString(), std::move(description)});
  }

  void AddIfAny(const FieldPath& path, std::string description) {
    if (!description.empty()) Add(path, std::move(description));
  }

  bool TooDeep(const FieldPath& path, int depth) {
    if (depth < kMaxJsonDepth) return false;
    Add(path, absl::StrCat("nested deeper than ", kMaxJsonDepth, " levels"));
    return true;
  }

  static bool TakesNull(const FieldDescriptor* field) {
    if (field->is_repeated()) return false;
    if (field->enum_type() != nullptr)
      return field->enum_type()->full_name() == "google.protobuf.NullValue";
    return field->message_type() != nullptr &&
           field->message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_VALUE;
  }

  static std::string SuggestField(const Descriptor* type, const std::string& key) {
    // In the naming that the user seems to follow.
    const bool camel =
        std::any_of(key.begin(), key.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    std::vector<std::string> names;
    for (int i = 0; i < type->field_count(); ++i) {
      names.push_back(camel ? type->field(i)->json_name() : type->field(i)->name());
    }
    return DidYouMean(key, names);
  }

  void CheckField(const FieldDescriptor* field, const Value& value, const FieldPath& path,
                  int depth) {
    if (field->is_map()) return CheckMap(field, value, path, depth);
    if (!field->is_repeated()) return CheckOne(field, value, path, depth);
    if (value.kind_case() != Value::kListValue) {
      return Add(path, absl::StrCat("expected a list, found ", DescribeJson(value)));
    }
    int index = 0;
    for (const Value& element : value.list_value().values()) {
      if (Full()) return;
      CheckOne(field, element, {&path, "", index++}, depth + 1);
    }
  }

  void CheckMap(const FieldDescriptor* field, const Value& value, const FieldPath& path,
                int depth) {
    if (value.kind_case() != Value::kStructValue) {
      return Add(
          path, absl::StrCat("expected an object of keys and values, found ", DescribeJson(value)));
    }
    for (const auto& [key, element] : Sorted(value.struct_value())) {
      if (Full()) return;
      const FieldPath at{&path, key};
      AddIfAny(at, CheckMapKey(*field->message_type()->map_key(), key));
      CheckOne(field->message_type()->map_value(), *element, at, depth + 1);
    }
  }

  void CheckOne(const FieldDescriptor* field, const Value& value, const FieldPath& path,
                int depth) {
    if (field->message_type() == nullptr) return AddIfAny(path, CheckScalar(*field, value));
    CheckMessage(field->message_type(), value, path, depth + 1);
  }

  void CheckMessage(const Descriptor* type, const Value& value, const FieldPath& path, int depth) {
    switch (type->well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
        if (const Struct* object = ObjectOrError(type, value, path))
          CheckFields(type, *object, path, depth, "");
        return;
      case Descriptor::WELLKNOWNTYPE_ANY:
        if (const Struct* object = ObjectOrError(type, value, path)) CheckAny(*object, path, depth);
        return;
      case Descriptor::WELLKNOWNTYPE_DURATION:
        return AddIfAny(path, CheckDuration(value));
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
        return AddIfAny(path, CheckTimestamp(value));
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        if (value.kind_case() == Value::kStringValue) return;
        return Add(path,
                   absl::StrCat("expected paths such as \"a.b,c\", found ", DescribeJson(value)));
      case Descriptor::WELLKNOWNTYPE_VALUE:
        return CheckFree(value, path, depth);
      case Descriptor::WELLKNOWNTYPE_STRUCT:
        if (ObjectOrError(type, value, path) != nullptr) CheckFree(value, path, depth);
        return;
      case Descriptor::WELLKNOWNTYPE_LISTVALUE:
        if (value.kind_case() == Value::kListValue) return CheckFree(value, path, depth);
        return Add(path, absl::StrCat("expected a list, found ", DescribeJson(value)));
      default:  // the wrappers
        return AddIfAny(path, CheckScalar(*type->FindFieldByNumber(1), value));
    }
  }

  const Struct* ObjectOrError(const Descriptor* type, const Value& value, const FieldPath& path) {
    if (value.kind_case() == Value::kStructValue) return &value.struct_value();
    Add(path,
        absl::StrCat("expected an object (", type->full_name(), "), found ", DescribeJson(value)));
    return nullptr;
  }

  // Anything is right that JSON can write.
  void CheckFree(const Value& value, const FieldPath& path, int depth) {
    if (Full()) return;
    if (value.kind_case() == Value::kStructValue) {
      if (TooDeep(path, depth)) return;
      for (const auto& [key, member] : Sorted(value.struct_value()))
        CheckFree(*member, {&path, key}, depth + 1);
    } else if (value.kind_case() == Value::kListValue) {
      if (TooDeep(path, depth)) return;
      int index = 0;
      for (const Value& element : value.list_value().values())
        CheckFree(element, {&path, "", index++}, depth + 1);
    } else if (value.kind_case() == Value::KIND_NOT_SET) {
      Add(path, "has no value");
    } else if (value.kind_case() == Value::kNumberValue && !std::isfinite(value.number_value())) {
      Add(path, "is a number that JSON cannot write");
    }
  }

  void CheckAny(const Struct& object, const FieldPath& path, int depth) {
    if (TooDeep(path, depth)) return;
    const auto given = object.fields().find(std::string(kTypeKey));
    if (given == object.fields().end()) {
      return Add(path,
                 "has no \"@type\", such as \"type.googleapis.com/envoy.extensions…\": it says "
                 "what the rest is");
    }
    const FieldPath type_path{&path, kTypeKey};
    if (given->second.kind_case() != Value::kStringValue) {
      return Add(type_path, absl::StrCat("expected a string, found ", DescribeJson(given->second)));
    }
    const Descriptor* type = descriptors_.FindByTypeUrl(given->second.string_value());
    if (type == nullptr) return Add(type_path, UnknownType(given->second.string_value()));
    if (!HasFormOfItsOwn(type)) return CheckFields(type, object, path, depth, kTypeKey);
    CheckWrapped(type, object, path, depth);
  }

  // {"@type": ".../google.protobuf.Duration", "value": "1s"}
  void CheckWrapped(const Descriptor* type, const Struct& object, const FieldPath& path,
                    int depth) {
    bool has_value = false;
    for (const auto& [key, value] : Sorted(object)) {
      if (key == kTypeKey) continue;
      const FieldPath at{&path, key};
      if (key == "value") {
        has_value = true;
        CheckMessage(type, *value, at, depth + 1);
      } else {
        Add(at, absl::StrCat("unknown field: beside \"@type\", ", type->full_name(),
                             " has only \"value\" here"));
      }
    }
    if (!has_value)
      Add(path, absl::StrCat("has no \"value\", which holds the ", type->full_name()));
  }

  // Envoy reads the struct as the message that type_url names, if it knows that.
  void CheckTypedStruct(const Struct& object, const FieldPath& path, int depth) {
    const Value* type_url = nullptr;
    std::pair<std::string, const Value*> value;
    for (const auto& [key, member] : object.fields()) {
      if (key == "type_url" || key == "typeUrl") type_url = &member;
      if (key == "value" && member.kind_case() == Value::kStructValue) value = {key, &member};
    }
    if (type_url == nullptr || value.second == nullptr) return;
    const Descriptor* type = descriptors_.FindByTypeUrl(type_url->string_value());
    if (type == nullptr || HasFormOfItsOwn(type)) return;
    CheckFields(type, value.second->struct_value(), {&path, value.first}, depth + 1, "");
  }

  std::string UnknownType(const std::string& type_url) {
    if (names_.empty()) {
      // Nobody means the v2 API, which Envoy no longer accepts.
      for (std::string& known : descriptors_.MessageNames()) {
        if (!absl::StrContains(known, ".v2")) names_.push_back(std::move(known));
      }
    }
    absl::string_view name = type_url;
    const bool prefixed = absl::ConsumePrefix(&name, kTypeUrlPrefix);
    if (!prefixed && name.find('/') != absl::string_view::npos)
      name = name.substr(name.rfind('/') + 1);
    std::string meant(name);
    if (descriptors_.FindMessage(name) == nullptr) meant = NearestType(name);
    const std::string hint =
        meant.empty() ? "" : absl::StrCat("; did you mean \"", kTypeUrlPrefix, meant, "\"?");
    if (!prefixed) {
      return absl::StrCat("\"", type_url, "\" is not a type URL: it must begin with \"",
                          kTypeUrlPrefix, "\"", hint);
    }
    return absl::StrCat("unknown type \"", type_url, "\"", hint);
  }

  // The known message that was most likely meant: one of the same last name first.
  std::string NearestType(absl::string_view name) {
    const auto last = [](absl::string_view full) { return full.substr(full.rfind('.') + 1); };
    std::vector<std::string> same, near;
    for (const std::string& candidate : names_) {
      if (last(candidate) == last(name)) same.push_back(candidate);
      const size_t longer = std::max(candidate.size(), name.size());
      const size_t shorter = std::min(candidate.size(), name.size());
      if (longer - shorter <= 3) near.push_back(candidate);
    }
    const std::string best = Suggest(name, same);
    return best.empty() ? Suggest(name, near) : best;
  }

  const Descriptors& descriptors_;
  std::vector<FieldError>* const errors_;
  std::vector<std::string> names_;
};

}  // namespace

std::vector<FieldError> CheckJson(const Descriptors& descriptors, const Descriptor* type,
                                  const Struct& json) {
  std::vector<FieldError> errors;
  Checker(descriptors, &errors).CheckFields(type, json, FieldPath(), 0, "");
  return errors;
}

}  // namespace signalbox
