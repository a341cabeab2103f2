#include "server/snapshot/fragment.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace signalbox {
namespace {

constexpr int kDiscoveryResourcesField = 2;  // of both response messages
constexpr int kResourceVersionField = 1;
constexpr int kResourceResourceField = 2;
constexpr int kResourceNameField = 3;
constexpr int kAnyTypeUrlField = 1;
constexpr int kAnyValueField = 2;

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Of a field with a number below 16.
size_t FieldSize(size_t length) { return 1 + VarintSize(length) + length; }

}  // namespace

void AppendFieldHead(int number, size_t length, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | 2, out);
  AppendVarint(length, out);
}

void AppendField(int number, absl::string_view value, std::string* out) {
  AppendFieldHead(number, value.size(), out);
  out->append(value.data(), value.size());
}

std::string VersionOf(const Digest& body_hash, const ResourceSettings& settings) {
  const std::string body = body_hash.Hex();
  if (settings == ResourceSettings()) return body.substr(0, 32);
  return Sha256(absl::StrCat(body, " on-demand=", settings.on_demand ? 1 : 0,
                             " ttl=", absl::ToInt64Nanoseconds(settings.ttl)))
      .Hex()
      .substr(0, 32);
}

Fragment::Fragment(absl::string_view type_url, absl::string_view name, absl::string_view body,
                   const Digest& body_hash, ResourceReferences references,
                   const Digest& record_hash, const ResourceSettings& settings)
    : name_(name),
      version_(VersionOf(body_hash, settings)),
      record_hash_(record_hash),
      references_(std::move(references)),
      settings_(settings),
      identity_(Hasher().Add(name_).Add(version_).Finish().Prefix()) {
  const size_t any_size = FieldSize(type_url.size()) + (body.empty() ? 0 : FieldSize(body.size()));
  const size_t resource_size =
      FieldSize(version_.size()) + FieldSize(name_.size()) + FieldSize(any_size);
  encoded_.reserve(FieldSize(resource_size));
  AppendFieldHead(kDiscoveryResourcesField, resource_size, &encoded_);
  resource_offset_ = encoded_.size();
  AppendField(kResourceNameField, name_, &encoded_);
  AppendField(kResourceVersionField, version_, &encoded_);
  sotw_offset_ = encoded_.size();
  static_assert(kResourceResourceField == kDiscoveryResourcesField);
  AppendFieldHead(kResourceResourceField, any_size, &encoded_);
  AppendField(kAnyTypeUrlField, type_url, &encoded_);
  if (!body.empty()) AppendFieldHead(kAnyValueField, body.size(), &encoded_);
  body_offset_ = encoded_.size();
  encoded_.append(body.data(), body.size());
}

}  // namespace signalbox
