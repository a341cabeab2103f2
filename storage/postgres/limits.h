#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace signalbox::limits {

// How long a host may take to accept a connection, unless the URL's connect_timeout says otherwise:
// DNS, TLS and a password over a slow line. Beyond it the host counts as not there.
inline constexpr absl::Duration kPostgresDial = absl::Seconds(3);

// Of several hosts all are dialled at once; once one answers, the others get until this long after
// the start to show that they are newer. A failover must not wait for the host that is gone.
inline constexpr absl::Duration kPostgresDialOthers = absl::Milliseconds(400);

// How long a connection may stay silent while an answer is due, for what reads and for what writes:
// beyond the statement timeouts that the server keeps itself. Then the connection is given up.
inline constexpr absl::Duration kPostgresReadSilence = absl::Seconds(40);
inline constexpr absl::Duration kPostgresWriteSilence = absl::Seconds(8);

// The same of a migration's statements: a large table takes its time. TCP notices a host that is
// gone.
inline constexpr absl::Duration kPostgresMigrationSilence = absl::Hours(6);

// How long a COMMIT may take, a synchronous standby included. Then its outcome is unknown; it is
// never cancelled, since that would make it look done.
inline constexpr absl::Duration kPostgresCommit = absl::Seconds(10);

// A commit of this many changes makes the server count its tables anew: its own turn may be a
// minute away, and plans for tables that it takes for small are slow.
inline constexpr size_t kPostgresBulkChanges = 1000;

// How long an unknown outcome is looked up before the caller is told that it is unknown.
inline constexpr absl::Duration kPostgresLookUp = absl::Seconds(5);

// How long a list waits for a replica that is behind, and how often it looks: most are behind by
// less. After that it is read where changes are written.
inline constexpr absl::Duration kPostgresReplicaWait = absl::Seconds(1);
inline constexpr absl::Duration kPostgresReplicaLook = absl::Milliseconds(20);

// A server that is gone is dialled again after a pause that grows from the first to the second, ...
inline constexpr absl::Duration kPostgresFirstPause = absl::Milliseconds(50);
inline constexpr absl::Duration kPostgresLongestPause = absl::Milliseconds(200);
// ... and after this long to the third: a failover is over by then, and the fleet must not hammer.
inline constexpr absl::Duration kPostgresPatience = absl::Minutes(2);
inline constexpr absl::Duration kPostgresPauseAfterwards = absl::Seconds(2);

// Connections that read; more are refused as an option.
inline constexpr int kMaxPostgresReaders = 64;

// The changes whose chain is computed again at every start: some 50 ms.
inline constexpr int kPostgresChainRowsAtStart = 20000;

// The oldest server that is known to have what is used here: 13. Older ones are refused.
inline constexpr int kOldestPostgres = 130000;

}  // namespace signalbox::limits
