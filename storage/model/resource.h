#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "storage/model/revision.h"

namespace signalbox {

// The namespace and the node group that always exist.
inline constexpr absl::string_view kDefaultNamespace = "default";
inline constexpr absl::string_view kDefaultGroup = "default";

// What a resource is found by. All three compare by bytes.
struct ResourceKey {
  std::string namespace_name;
  std::string type;  // the type's short name: "listener", "route", "cluster", "endpoints", ...
  std::string name;

  friend bool operator==(const ResourceKey&, const ResourceKey&) = default;
  friend auto operator<=>(const ResourceKey&, const ResourceKey&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const ResourceKey& key) {
    return H::combine(std::move(h), key.namespace_name, key.type, key.name);
  }

  // `namespace/type/name`, for messages and logs.
  std::string ToString() const;
};

// Everything a user says about a resource. All of it is in history and comes back with a rollback.
struct Record {
  std::string
      body;  // the xDS message, serialised deterministically; what proxies get, byte for byte
  std::vector<std::string>
      targets;  // node groups it is for, sorted and unique; none: every group of its namespace
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string owner;   // who applied it with --owner, or ""
  std::string source;  // file and line of the manifest, or ""

  friend bool operator==(const Record&, const Record&) = default;

  // SHA-256 over all fields, the body by its own hash; equal records have equal hashes on every
  // backend.
  Digest Hash() const { return Hash(Sha256(body)); }
  // The same for a caller that knows the body's SHA-256 already: bodies are large, hashing one
  // twice is not free.
  Digest Hash(const Digest& body_hash) const;
};

// A resource as the store holds it. The record is immutable and shared.
struct Resource {
  ResourceKey key;
  std::shared_ptr<const Record> record;
  Digest record_hash;
  Digest body_hash;  // SHA-256 of the record's body: the content hash that versions are made of
  Revision changed_in;
};

}  // namespace signalbox
