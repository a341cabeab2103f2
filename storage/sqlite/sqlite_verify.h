#pragma once

#include <string>

#include "absl/status/status.h"
#include "storage/sqlite/sqlite_areas.h"
#include "storage/sqlite/sqlite_connection.h"
#include "storage/upkeep.h"

namespace signalbox {

// Reads the whole file of one area and adds what was looked at, and what is damaged, to
// `verification`: the pages and the foreign keys; whether its migrations are this program's; and,
// where the schema is the newest that this program has, the content: of `config` the head, the
// chain and every record within the history kept (sealed bodies are not opened), of `audit` the
// chain.
//   kUnavailable         reading failed
//   kFailedPrecondition  the file cannot be opened
absl::Status VerifySqliteFile(const SqliteArea& area, const std::string& path,
                              SqliteConnection::Access access, Verification* verification);

}  // namespace signalbox
