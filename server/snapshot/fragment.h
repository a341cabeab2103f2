#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "server/types/references.h"
#include "server/types/settings.h"

namespace signalbox {

// A piece of immutable bytes that many responses share: `bytes` live as long as `owner`.
struct Slice {
  std::shared_ptr<const void> owner;
  absl::string_view bytes;
};

// One resource, encoded once in both its wire forms. Immutable; shared by every response that
// carries it.
//
// A delta response holds it as field 2, a Resource{name, version, resource}; a SotW response as
// field 2, an Any. Resource's own field 2 is that same Any, so, written last, the SotW form is the
// tail of the delta form: one copy of the bytes serves both.
class Fragment {
 public:
  // `body` is the message as stored, byte for byte; `body_hash` its SHA-256, of which, and of
  // `settings`, the version is made, so that it is the same on every instance and after every
  // restart (XDS D10). `record_hash` is that of a record with this body.
  Fragment(absl::string_view type_url, absl::string_view name, absl::string_view body,
           const Digest& body_hash, ResourceReferences references, const Digest& record_hash = {},
           const ResourceSettings& settings = {});
  Fragment(const Fragment&) = delete;
  Fragment& operator=(const Fragment&) = delete;

  const std::string& name() const { return name_; }
  // 32 hexadecimal digits, never empty.
  const std::string& version() const { return version_; }
  // Of a record that says this, by which the store has it.
  const Digest& record_hash() const { return record_hash_; }
  // What the resource mentions.
  const ResourceReferences& references() const { return references_; }
  bool RefersTo(const Reference& reference) const {
    return std::binary_search(references_.names.begin(), references_.names.end(), reference);
  }
  const ResourceSettings& settings() const { return settings_; }
  // Of name and version; what set hashes are sums of.
  absl::uint128 identity() const { return identity_; }
  // The message as stored.
  absl::string_view body() const { return absl::string_view(encoded_).substr(body_offset_); }

  // Field 2 of a DeltaDiscoveryResponse, tag and length included.
  absl::string_view delta_form() const { return encoded_; }
  // The same Resource without tag and length, so that fields can be put before it.
  absl::string_view resource_form() const {
    return absl::string_view(encoded_).substr(resource_offset_);
  }
  // Field 2 of a DiscoveryResponse, tag and length included.
  absl::string_view sotw_form() const { return absl::string_view(encoded_).substr(sotw_offset_); }

 private:
  const std::string name_;
  const std::string version_;
  const Digest record_hash_;
  const ResourceReferences references_;
  const ResourceSettings settings_;
  const absl::uint128 identity_;
  std::string encoded_;
  size_t resource_offset_ = 0;
  size_t sotw_offset_ = 0;
  size_t body_offset_ = 0;
};

using FragmentPtr = std::shared_ptr<const Fragment>;

// The version of a body with this hash that is served so.
std::string VersionOf(const Digest& body_hash, const ResourceSettings& settings);

// Protobuf wire encoding of one length-delimited field, for the few that are written by hand.
void AppendField(int number, absl::string_view value, std::string* out);
// Tag and length of such a field, whose value follows.
void AppendFieldHead(int number, size_t length, std::string* out);

}  // namespace signalbox
