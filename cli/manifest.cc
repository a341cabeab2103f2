#include "cli/manifest.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/files.h"
#include "base/suggest.h"
#include "cli/manifest_files.h"
#include "cli/manifest_spec.h"
#include "server/descriptors/field_names.h"
#include "server/descriptors/field_path.h"
#include "server/descriptors/kinds.h"

namespace signalbox::cli {
namespace {

using google::protobuf::Value;

constexpr absl::string_view kKeys[] = {"kind",        "name",   "namespace", "labels",
                                       "annotations", "groups", "spec"};
// What `get` shows besides.
constexpr absl::string_view kOutputKeys[] = {"owner", "source", "etag", "revision"};

bool IsOneOf(absl::Span<const absl::string_view> names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return absl::StrCat("\"", node.text, "\"");
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "";
}

// The path of a field within the manifest.
std::string SpecField(absl::string_view path) {
  const bool joined = path.empty() || path[0] == '[';
  return absl::StrCat("spec", joined ? "" : ".", path);
}

std::string KindNames() {
  return absl::StrJoin(Kinds(), ", ",
                       [](std::string* out, const Kind& kind) { absl::StrAppend(out, kind.name); });
}

// Turns one document into a manifest.
class Reader {
 public:
  Reader(const Descriptors& descriptors, const std::string& file,
         std::vector<ManifestError>* errors)
      : descriptors_(descriptors), file_(file), errors_(errors) {}

  Manifest Read(const std::shared_ptr<const YamlNode>& document,
                absl::string_view default_namespace) {
    Manifest manifest;
    manifest.file = file_;
    manifest.line = document->position.line;
    manifest.namespace_name = std::string(default_namespace);
    manifest.document = document;
    if (document->kind != YamlNode::Kind::kMap) {
      Report(document->position, "",
             absl::StrCat("a manifest is a mapping with kind, name and spec, not ",
                          Describe(*document)));
      return manifest;
    }
    for (const YamlMember& member : document->members) CheckKey(member);
    manifest.kind = Required(*document, "kind");
    manifest.name = Required(*document, "name");
    if (const YamlMember* member = Given(*document, "namespace")) {
      manifest.namespace_name = TextOf(*member, "namespace");
    }
    manifest.labels = Texts(*document, "labels");
    manifest.annotations = Texts(*document, "annotations");
    manifest.groups = Groups(*document);
    ReadSpec(*document, &manifest);
    return manifest;
  }

 private:
  void Report(Position position, std::string field, std::string what) {
    errors_->push_back({file_, position, std::move(field), std::move(what)});
  }

  void CheckKey(const YamlMember& member) {
    if (IsOneOf(kKeys, member.key)) return;
    if (IsOneOf(kOutputKeys, member.key)) {
      return Report(member.position, member.key, "is the server's to write; leave it out");
    }
    const std::vector<std::string> keys(std::begin(kKeys), std::end(kKeys));
    const std::string hint = DidYouMean(member.key, keys);
    Report(member.position, member.key,
           absl::StrCat("unknown key of a manifest",
                        hint.empty() ? "; Envoy's own fields belong below \"spec\"" : hint));
  }

  // The member, unless it is null, which is the same as left out.
  static const YamlMember* Given(const YamlNode& document, absl::string_view key) {
    const YamlMember* member = document.Find(key);
    return member == nullptr || member->value->kind == YamlNode::Kind::kNull ? nullptr : member;
  }

  std::string TextOf(const YamlMember& member, const std::string& field) {
    if (member.value->kind != YamlNode::Kind::kScalar) {
      Report(member.position, field,
             absl::StrCat("expected text, found ", Describe(*member.value)));
      return "";
    }
    if (member.value->text.empty()) Report(member.position, field, "must not be empty");
    return member.value->text;
  }

  std::string Required(const YamlNode& document, const std::string& key) {
    const YamlMember* member = Given(document, key);
    if (member != nullptr) return TextOf(*member, key);
    Report(document.position, key,
           key == "kind" ? absl::StrCat("is missing; it is one of ", KindNames()) : "is missing");
    return "";
  }

  std::map<std::string, std::string> Texts(const YamlNode& document, const std::string& key) {
    std::map<std::string, std::string> texts;
    const YamlMember* member = Given(document, key);
    if (member == nullptr) return texts;
    if (member->value->kind != YamlNode::Kind::kMap) {
      Report(
          member->position, key,
          absl::StrCat("expected a mapping of names to texts, found ", Describe(*member->value)));
      return texts;
    }
    for (const YamlMember& entry : member->value->members) {
      if (entry.value->kind == YamlNode::Kind::kScalar) {
        texts[entry.key] = entry.value->text;
      } else {
        const FieldPath root, parent{&root, key};
        Report(entry.position, FieldPath{&parent, entry.key}.ToString(),
               absl::StrCat("expected text, found ", Describe(*entry.value)));
      }
    }
    return texts;
  }

  std::vector<std::string> Groups(const YamlNode& document) {
    std::vector<std::string> groups;
    const YamlMember* member = Given(document, "groups");
    if (member == nullptr) return groups;
    if (member->value->kind != YamlNode::Kind::kList) {
      Report(member->position, "groups",
             absl::StrCat("expected a list of groups, found ", Describe(*member->value)));
      return groups;
    }
    if (member->value->elements.empty()) {
      Report(member->position, "groups", "is empty; leave it out to mean every group");
    }
    for (size_t i = 0; i < member->value->elements.size(); ++i) {
      const YamlNode& element = *member->value->elements[i];
      if (element.kind == YamlNode::Kind::kScalar && !element.text.empty()) {
        groups.push_back(element.text);
      } else {
        Report(element.position, absl::StrCat("groups[", i, "]"),
               absl::StrCat("expected a group's name, found ", Describe(element)));
      }
    }
    return groups;
  }

  void ReadSpec(const YamlNode& document, Manifest* manifest) {
    const Kind* kind = FindKind(manifest->kind);
    if (kind == nullptr && !manifest->kind.empty()) {
      std::vector<std::string> names;
      for (const Kind& known : Kinds()) names.emplace_back(known.name);
      const std::string hint = DidYouMean(manifest->kind, names);
      Report(document.Find("kind")->position, "kind",
             absl::StrCat("unknown kind \"", manifest->kind, "\"",
                          hint.empty() ? absl::StrCat("; it is one of ", KindNames()) : hint));
    }
    const YamlMember* spec = Given(document, "spec");
    if (spec == nullptr) {
      return Report(
          document.position, "spec",
          absl::StrCat("is missing",
                       kind == nullptr ? "" : absl::StrCat("; it is the ", kind->message_name)));
    }
    if (spec->value->kind != YamlNode::Kind::kMap) {
      return Report(spec->position, "spec",
                    absl::StrCat("expected a mapping, found ", Describe(*spec->value)));
    }
    if (kind == nullptr) return;
    const google::protobuf::Descriptor* type = descriptors_.FindMessage(kind->message_name);
    SB_CHECK(type != nullptr);
    std::vector<SpecError> errors;
    manifest->spec = SpecToJson(descriptors_, type, *spec->value, &errors);
    for (SpecError& error : errors)
      Report(error.position, SpecField(error.path), std::move(error.text));
    FillInName(*kind, *spec->value, manifest);
  }

  // The name may be left out of the spec; if it is there it is the same.
  void FillInName(const Kind& kind, const YamlNode& spec, Manifest* manifest) {
    if (kind.name_field.empty()) return;
    auto& fields = *manifest->spec.mutable_fields();
    for (const YamlMember& member : spec.members) {
      if (!SameFieldName(member.key, kind.name_field)) continue;
      const Value& value = fields[member.key];
      if (value.kind_case() == Value::kNullValue) {
        fields.erase(member.key);
        continue;
      }
      if (value.kind_case() == Value::kStringValue && value.string_value() != manifest->name &&
          !manifest->name.empty()) {
        Report(member.position, absl::StrCat("spec.", member.key),
               absl::StrCat("is \"", value.string_value(), "\", but the manifest's name is \"",
                            manifest->name, "\"; leave it out"));
      }
      return;
    }
    fields[std::string(kind.name_field)].set_string_value(manifest->name);
  }

  const Descriptors& descriptors_;
  const std::string file_;
  std::vector<ManifestError>* const errors_;
};

void ReadFileInto(const Descriptors& descriptors, const std::string& path,
                  std::istream& standard_input, absl::string_view default_namespace,
                  LoadedManifests* loaded, size_t* documents) {
  const std::string file = path == "-" ? "stdin" : path;
  const absl::StatusOr<std::string> content =
      path == "-" ? ReadStream(standard_input, kMaxManifestFileBytes)
                  : ReadFile(path, kMaxManifestFileBytes);
  if (!content.ok()) {
    loaded->errors.push_back({file, {}, "", std::string(content.status().message())});
    return;
  }
  YamlFile yaml = ReadYaml(*content);
  *documents += yaml.documents.size() + yaml.errors.size();
  Reader reader(descriptors, file, &loaded->errors);
  for (const auto& document : yaml.documents)
    loaded->manifests.push_back(reader.Read(document, default_namespace));
  for (YamlError& error : yaml.errors) {
    loaded->errors.push_back({file, error.position, "", std::move(error.text)});
  }
}

// Each resource may be given once.
void FindDuplicates(LoadedManifests* loaded) {
  std::map<std::tuple<std::string, std::string, std::string>, const Manifest*> first;
  for (const Manifest& manifest : loaded->manifests) {
    if (manifest.kind.empty() || manifest.name.empty()) continue;
    const auto [other, fresh] = first.emplace(
        std::make_tuple(manifest.namespace_name, manifest.kind, manifest.name), &manifest);
    if (fresh) continue;
    loaded->errors.push_back(
        {manifest.file, manifest.document->position, "",
         absl::StrCat(manifest.kind, "/", manifest.name, " is given twice in namespace \"",
                      manifest.namespace_name, "\"; the first is at ", other->second->Source())});
  }
}

void SortAndLimit(const std::vector<std::string>& files, std::vector<ManifestError>* errors) {
  std::map<std::string, size_t> order;
  for (const std::string& file : files) order.emplace(file == "-" ? "stdin" : file, order.size());
  std::stable_sort(errors->begin(), errors->end(),
                   [&](const ManifestError& a, const ManifestError& b) {
                     const auto key = [&](const ManifestError& error) {
                       const auto place = order.find(error.file);
                       return std::make_tuple(place == order.end() ? 0 : place->second + 1,
                                              error.position.line, error.position.column);
                     };
                     return key(a) < key(b);
                   });
  if (errors->size() <= kMaxManifestErrors) return;
  const size_t more = errors->size() - kMaxManifestErrors;
  errors->resize(kMaxManifestErrors);
  errors->push_back({"", {}, "", absl::StrCat("and ", more, " more errors")});
}

}  // namespace

std::string Manifest::Source() const { return absl::StrCat(file, ":", line); }

Position Manifest::Locate(absl::string_view path) const {
  Position position = document->position;
  const YamlMember* root = document->Find("spec");
  if (root == nullptr) return position;
  position = root->position;
  const YamlNode* node = root->value.get();
  for (const FieldStep& step : ParseFieldPath(path)) {
    if (step.index >= 0) {
      if (static_cast<size_t>(step.index) >= node->elements.size()) return position;
      node = node->elements[static_cast<size_t>(step.index)].get();
      position = node->position;
      continue;
    }
    const YamlMember* member = node->Find(step.name);
    for (const YamlMember& other : node->members) {
      if (member == nullptr && SameFieldName(other.key, step.name)) member = &other;
    }
    if (member == nullptr) return position;
    node = member->value.get();
    position = member->position;
  }
  return position;
}

std::string ManifestError::ToString() const {
  std::string text = file;
  if (position.line > 0) absl::StrAppend(&text, ":", position.line, ":", position.column);
  if (!field.empty()) absl::StrAppend(&text, text.empty() ? "" : ": ", field);
  absl::StrAppend(&text, text.empty() ? "" : ": ", what);
  return text;
}

LoadedManifests LoadManifests(const Descriptors& descriptors, const std::vector<std::string>& paths,
                              std::istream& standard_input, absl::string_view default_namespace,
                              NoDocuments no_documents) {
  LoadedManifests loaded;
  const ManifestFiles files = FindManifestFiles(paths, kMaxManifestFiles);
  for (const auto& [path, what] : files.errors) loaded.errors.push_back({path, {}, "", what});
  size_t documents = 0;
  for (const std::string& path : files.paths) {
    ReadFileInto(descriptors, path, standard_input, default_namespace, &loaded, &documents);
  }
  FindDuplicates(&loaded);
  if (documents == 0 && loaded.errors.empty() && no_documents == NoDocuments::kError) {
    loaded.errors.push_back({absl::StrJoin(paths, ", ",
                                           [](std::string* out, const std::string& path) {
                                             absl::StrAppend(out, path == "-" ? "stdin" : path);
                                           }),
                             {},
                             "",
                             "holds no manifest; one begins with \"kind:\""});
  }
  SortAndLimit(files.paths, &loaded.errors);
  return loaded;
}

ManifestError AtSpecField(const Manifest& manifest, absl::string_view path,
                          absl::string_view what) {
  return {manifest.file, manifest.Locate(path), SpecField(path), std::string(what)};
}

}  // namespace signalbox::cli
