#include "storage/postgres/sealing_rows.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/seal/key_id.h"

namespace signalbox {
namespace {

// Bodies that one transaction reseals: others wait for it some 10 ms.
constexpr int kBodiesAtOnce = 200;
constexpr size_t kBytesAtOnce = size_t{4} << 20;

constexpr Sql kSelectHashKey = {"select_hash_key", "SELECT hash_key FROM config.sealing"};
constexpr Sql kHasSealed = {"has_sealed",
                            "SELECT 1 FROM config.body WHERE key_id IS NOT NULL LIMIT 1"};
constexpr Sql kUpsertHashKey = {
    "upsert_hash_key",
    "INSERT INTO config.sealing (hash_key) VALUES ($1) "
    "ON CONFLICT (only_row) DO UPDATE SET hash_key = excluded.hash_key"};
// Two ranges, so that the index is used. With the sizes, which are known without reading bodies.
constexpr Sql kListToReseal = {
    "list_to_reseal",
    "SELECT id, octet_length(bytes)::bigint FROM config.body WHERE key_id < $1 "
    "UNION ALL SELECT id, octet_length(bytes)::bigint FROM config.body WHERE key_id > $1 LIMIT $2"};
constexpr Sql kSelectToReseal = {"select_to_reseal",
                                 "SELECT id, hash, bytes FROM config.body WHERE id = ANY($1)"};
constexpr Sql kUpdateBodies = {
    "update_bodies",
    "UPDATE config.body b SET bytes = u.bytes, key_id = $3 "
    "FROM unnest($1::bigint[], $2::bytea[]) AS u(id, bytes) WHERE b.id = u.id"};

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadHashKey(PostgresConnection* connection) {
  SB_ASSIGN_OR_RETURN(const PostgresResult row, connection->Run(kSelectHashKey));
  if (row.rows() > 0) return std::optional<std::string>(row[0].Bytes(0));
  SB_ASSIGN_OR_RETURN(const PostgresResult sealed, connection->Run(kHasSealed));
  if (sealed.rows() > 0) return errors::StoreDamaged("the hash key of its secrets is missing");
  return std::optional<std::string>();
}

void AddHashKey(absl::string_view wrapped, PostgresBatch* batch) {
  batch->Add(kUpsertHashKey, PostgresParams().Bytes(wrapped));
}

absl::StatusOr<int> ResealSome(PostgresConnection* connection, const Sealer& sealer,
                               PostgresBatch* batch) {
  const KeyId active = sealer.ring().active().id;
  SB_ASSIGN_OR_RETURN(
      const PostgresResult list,
      connection->Run(kListToReseal, PostgresParams().Bytes(active.View()).Int(kBodiesAtOnce)));
  std::vector<int64_t> ids;
  size_t bytes = 0;
  for (int i = 0; i < list.rows() && bytes < kBytesAtOnce; ++i) {
    ids.push_back(list[i].Int(0));
    bytes += static_cast<size_t>(list[i].Int(1));
  }
  if (ids.empty()) return 0;
  SB_ASSIGN_OR_RETURN(const PostgresResult rows,
                      connection->Run(kSelectToReseal, PostgresParams().Ints(ids)));
  std::vector<int64_t> resealed_ids;
  std::vector<std::string> resealed;
  for (int i = 0; i < rows.rows(); ++i) {
    SB_ASSIGN_OR_RETURN(std::string sealed, sealer.Reseal(rows[i].Bytes(2), rows[i].DigestAt(1)));
    resealed_ids.push_back(rows[i].Int(0));
    resealed.push_back(std::move(sealed));
  }
  batch->Add(kUpdateBodies, PostgresParams()
                                .Ints(resealed_ids)
                                .BytesArray(std::vector<std::optional<absl::string_view>>(
                                    resealed.begin(), resealed.end()))
                                .Bytes(active.View()));
  return static_cast<int>(ids.size());
}

}  // namespace signalbox
