#include "storage/witness_file.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/json.h"
#include "base/status_macros.h"

namespace signalbox {
namespace {

constexpr size_t kMaxBytes = 4096;
constexpr int kMode = 0600;

absl::Status Damaged(const std::string& path) {
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: it says how far the store had come. Delete it to start without it"));
}

bool DigestOf(const std::string& hex, Digest* digest) {
  const std::string bytes = absl::HexStringToBytes(hex);
  if (hex.size() != 2 * digest->bytes.size() || bytes.size() != digest->bytes.size()) return false;
  std::copy(bytes.begin(), bytes.end(), digest->bytes.begin());
  return digest->Hex() == hex;
}

}  // namespace

absl::StatusOr<Witness> ReadWitnessFile(const std::string& path) {
  Witness witness = {.name = path};
  absl::StatusOr<std::string> text = ReadFile(path, kMaxBytes);
  if (absl::IsNotFound(text.status())) return witness;
  if (absl::IsResourceExhausted(text.status())) return Damaged(path);
  SB_RETURN_IF_ERROR(text.status());
  const absl::StatusOr<Json> json = Json::Parse(*text);
  if (!json.ok()) return Damaged(path);
  Digest digest;
  bool has_epoch = false;
  bool has_revision = false;
  bool has_digest = false;
  for (const auto& [name, value] : json->members()) {
    if (name == "store") witness.store_id = value.text();
    if (name == "epoch") has_epoch = absl::SimpleHexAtoi(value.text(), &witness.epoch);
    if (name == "revision") has_revision = absl::SimpleAtoi(value.text(), &witness.revision.number);
    if (name == "digest") has_digest = DigestOf(value.text(), &digest);
  }
  if (witness.store_id.empty() || !has_epoch || witness.epoch == 0 || !has_revision || !has_digest)
    return Damaged(path);
  witness.digest = digest;
  return witness;
}

absl::Status WriteWitnessFile(const std::string& path, const Head& head) {
  const Json json = Json::Object({{"store", head.store_id},
                                  {"epoch", absl::StrCat(absl::Hex(head.epoch))},
                                  {"revision", head.revision.number},
                                  {"digest", head.digest.Hex()}});
  return WriteFileAtomically(path, absl::StrCat(json.Dump(), "\n"), kMode);
}

}  // namespace signalbox
