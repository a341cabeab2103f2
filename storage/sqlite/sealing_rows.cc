#include "storage/sqlite/sealing_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/hash.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/sqlite/sqlite_digest.h"

namespace signalbox {
namespace {

// Bodies that one transaction reseals: others wait for it some 10 ms.
constexpr int kBodiesAtOnce = 200;
constexpr size_t kBytesAtOnce = size_t{4} << 20;

constexpr Sql kSelectHashKey = {"select_hash_key", "SELECT hash_key FROM sealing"};
constexpr Sql kHasSealed = {"has_sealed", "SELECT 1 FROM body WHERE key_id IS NOT NULL LIMIT 1"};
constexpr Sql kUpsertHashKey = {"upsert_hash_key",
                                "INSERT INTO sealing (only, hash_key) VALUES (1, ?1) "
                                "ON CONFLICT (only) DO UPDATE SET hash_key = excluded.hash_key"};
constexpr Sql kSelectKeyIds = {"select_key_ids",
                               "SELECT DISTINCT key_id FROM body WHERE key_id IS NOT NULL"};
// Two ranges, so that the index is used.
constexpr Sql kSelectToReseal = {
    "select_to_reseal",
    "SELECT id, hash, bytes FROM body WHERE key_id < ?1 "
    "UNION ALL SELECT id, hash, bytes FROM body WHERE key_id > ?1 LIMIT ?2"};
constexpr Sql kUpdateBody = {"update_body",
                             "UPDATE body SET bytes = ?1, key_id = ?2 WHERE id = ?3"};

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadHashKey(SqliteConnection* connection) {
  SqliteQuery row(connection, kSelectHashKey);
  if (row.Step()) return std::optional<std::string>(row.Blob(0));
  SB_RETURN_IF_ERROR(row.status());
  SqliteQuery sealed(connection, kHasSealed);
  if (sealed.Step()) return errors::StoreDamaged("the hash key of its secrets is missing");
  SB_RETURN_IF_ERROR(sealed.status());
  return std::optional<std::string>();
}

absl::Status WriteHashKey(SqliteConnection* connection, absl::string_view wrapped) {
  return SqliteQuery(connection, kUpsertHashKey).BindBlob(1, wrapped).Run();
}

absl::StatusOr<std::vector<KeyId>> ReadKeyIds(SqliteConnection* connection) {
  std::vector<KeyId> ids;
  const auto add = [&](absl::string_view bytes) {
    KeyId id;
    if (bytes.size() != id.bytes.size()) return;
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    ids.push_back(id);
  };
  SB_ASSIGN_OR_RETURN(const std::optional<std::string> wrapped, ReadHashKey(connection));
  if (wrapped.has_value()) {
    if (const std::optional<KeyId> id = KeyIdOf(*wrapped); id.has_value()) ids.push_back(*id);
  }
  SqliteQuery row(connection, kSelectKeyIds);
  while (row.Step()) add(row.Blob(0));
  SB_RETURN_IF_ERROR(row.status());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

absl::StatusOr<int> ResealSome(SqliteConnection* connection, const Sealer& sealer) {
  const KeyId active = sealer.ring().active().id;
  std::vector<std::pair<int64_t, std::string>> resealed;
  {
    SqliteQuery row(connection, kSelectToReseal);
    row.BindBlob(1, active.View()).Bind(2, kBodiesAtOnce);
    for (size_t bytes = 0; bytes < kBytesAtOnce && row.Step();) {
      SB_ASSIGN_OR_RETURN(std::string sealed, sealer.Reseal(row.Blob(2), DigestIn(row.Blob(1))));
      bytes += sealed.size();
      resealed.emplace_back(row.Int(0), std::move(sealed));
    }
    SB_RETURN_IF_ERROR(row.status());
  }
  for (const auto& [id, bytes] : resealed) {
    SB_RETURN_IF_ERROR(SqliteQuery(connection, kUpdateBody)
                           .BindBlob(1, bytes)
                           .BindBlob(2, active.View())
                           .Bind(3, id)
                           .Run());
  }
  return static_cast<int>(resealed.size());
}

}  // namespace signalbox
