#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/head_row.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"
#include "storage/postgres/postgres_connection.h"
#include "storage/resource_store.h"
#include "storage/seal/sealer.h"

// Lists of what is in the schema `config`. Each function runs inside a read transaction of the
// caller's, which `head` was read in, and gives the errors of resource_rows.h, where it says what a
// null `sealer` is.
namespace signalbox {

// A page as ResourceStore::List says; `page_size` within its limits.
absl::StatusOr<ResourcePage> ListResources(PostgresConnection* connection, const Sealer* sealer,
                                           const HeadRow& head, const ResourceFilter& filter,
                                           const std::optional<ResourceKey>& after, int page_size);

// A page as ResourceStore::History says; `page_size` within its limits.
absl::StatusOr<ResourceHistoryPage> ReadHistory(PostgresConnection* connection,
                                                const Sealer* sealer, const HeadRow& head,
                                                const ResourceKey& key, Revision below,
                                                int page_size);

// Every resource as it was at `revision`, sorted by key.
absl::StatusOr<std::vector<Resource>> ReadResourcesAt(PostgresConnection* connection,
                                                      const Sealer* sealer, Revision revision);

}  // namespace signalbox
