#pragma once

#include <google/protobuf/struct.pb.h>

#include <cstddef>
#include <istream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/yaml_document.h"
#include "server/descriptors/descriptors.h"

namespace signalbox::cli {

// One file or the standard input: as much as one commit may hold. Beyond it: an error.
inline constexpr size_t kMaxManifestFileBytes = size_t{64} << 20;

// Files that one command reads: a directory given by mistake should not be read for minutes. Beyond
// it: an error.
inline constexpr size_t kMaxManifestFiles = 10'000;

// Errors that are reported at once; one more says that there are more.
inline constexpr size_t kMaxManifestErrors = 100;

// A resource as a user wrote it.
struct Manifest {
  std::string kind;  // "cluster": one of Kinds()
  std::string namespace_name;
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> groups;  // in the order given; none: every group of the namespace
  google::protobuf::Struct spec;    // proto3 JSON in the user's naming, with the name filled in
  std::string file;                 // as it was found: "prod/ingress.yaml", or "stdin"
  int line = 0;                     // where the document begins, from 1
  std::shared_ptr<const YamlNode> document;  // what it was read from

  // "prod/ingress.yaml:12".
  std::string Source() const;
  // Where the field stands, or the nearest one above it that the file has. `path` is relative to
  // the spec, in either naming, as in FieldError; "" is the spec itself.
  Position Locate(absl::string_view path) const;
};

// What is wrong in manifests.
struct ManifestError {
  std::string file;   // empty: no file in particular
  Position position;  // line 0: the file as a whole
  std::string field;  // "spec.name"; may be empty
  std::string what;   // with what to do

  // `file:line:column: field: what`, without what is not known.
  std::string ToString() const;
};

// Use the manifests only when there are no errors.
struct LoadedManifests {
  std::vector<Manifest>
      manifests;  // in the order of the paths, the files in them, the documents in those
  std::vector<ManifestError> errors;
};

// Whether it is an error when there is no document in all the input.
enum class NoDocuments { kError, kAllowed };

// Reads manifests: YAML or JSON files; directories, from which every *.yaml, *.yml and *.json below
// them is taken, sorted by path, without what begins with a dot; "-", which is `standard_input`. A
// file that several paths reach is read once. A manifest without `namespace` is in
// `default_namespace`. Reports what is wrong in all of them, not only the first. What a spec's
// fields may hold is the server's to say (cli/manifest_spec.h). Blocks on files. No locks.
LoadedManifests LoadManifests(const Descriptors& descriptors, const std::vector<std::string>& paths,
                              std::istream& standard_input, absl::string_view default_namespace,
                              NoDocuments no_documents);

// The error of a field of the spec as the server reports it, with its place in the file.
ManifestError AtSpecField(const Manifest& manifest, absl::string_view path, absl::string_view what);

}  // namespace signalbox::cli
