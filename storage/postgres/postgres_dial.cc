#include "storage/postgres/postgres_dial.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/errors.h"
#include "storage/postgres/limits.h"

namespace signalbox {
namespace {

using Keywords = std::map<std::string, std::string>;

// What a session says of its server. In recovery there is no timeline to be had without privileges,
// and none is needed.
constexpr char kProbe[] =
    "SELECT (NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off')::text, "
    "CASE WHEN pg_is_in_recovery() THEN NULL "
    "ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, current_setting('server_encoding'), "
    "(SELECT system_identifier FROM pg_control_system())::text";

// Set unless the conninfo says otherwise. Times of TCP are short: a server that vanished must not
// hold a commit for the minutes that the kernel's defaults take.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"client_encoding", "UTF8"},  {"keepalives", "1"},       {"keepalives_idle", "5"},
    {"keepalives_interval", "2"}, {"keepalives_count", "3"}, {"tcp_user_timeout", "8000"},
};

absl::StatusOr<Keywords> KeywordsIn(const std::string& conninfo) {
  char* error = nullptr;
  PQconninfoOption* const parsed = PQconninfoParse(conninfo.c_str(), &error);
  if (parsed == nullptr) {
    // libpq's text may quote the conninfo, and with it a password.
    if (error != nullptr) PQfreemem(error);
    return errors::StoreUnfit(
        "the connection string of PostgreSQL cannot be read: it must be a postgres:// URL or "
        "keyword=value pairs");
  }
  Keywords keywords;
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);
  return keywords;
}

// The same keywords once for each host.
std::vector<Keywords> EachHost(const Keywords& all) {
  std::map<std::string, std::vector<std::string>> lists;
  size_t count = 1;
  for (const char* key : {"host", "hostaddr", "port"}) {
    const auto found = all.find(key);
    if (found == all.end()) continue;
    lists[key] = absl::StrSplit(found->second, ',');
    if (key != std::string("port")) count = std::max(count, lists[key].size());
  }
  std::vector<Keywords> hosts;
  for (size_t i = 0; i < count; ++i) {
    Keywords one = all;
    for (const auto& [key, values] : lists) {
      one[key] = values.size() == 1 ? values[0] : i < values.size() ? values[i] : "";
    }
    one.erase("target_session_attrs");
    one.erase("connect_timeout");
    hosts.push_back(std::move(one));
  }
  return hosts;
}

std::string Trimmed(const char* message) {
  std::vector<absl::string_view> lines =
      absl::StrSplit(absl::string_view(message), '\n', absl::SkipEmpty());
  return absl::StrJoin(lines, "; ");
}

// One host that is being dialled.
struct Attempt {
  PostgresSession session;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;

  bool connected() const { return state == PGRES_POLLING_OK; }
  bool done() const { return state == PGRES_POLLING_OK || state == PGRES_POLLING_FAILED; }
};

Attempt Start(const Keywords& keywords) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  Attempt attempt = {.session = PostgresSession(
                         PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/0))};
  if (PQstatus(attempt.session.get()) == CONNECTION_BAD) attempt.state = PGRES_POLLING_FAILED;
  return attempt;
}

int MillisecondsOf(absl::Duration left) {
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

// Goes on until every attempt is done, or the time has come to take what there is.
void Finish(std::vector<Attempt>* attempts, absl::Duration longest) {
  const SystemClock clock;
  const absl::Time start = clock.Monotonic();
  while (true) {
    std::vector<pollfd> sockets;
    std::vector<Attempt*> waiting;
    bool any_connected = false;
    for (Attempt& attempt : *attempts) {
      any_connected |= attempt.connected();
      if (attempt.done()) continue;
      waiting.push_back(&attempt);
      sockets.push_back(
          {.fd = PQsocket(attempt.session.get()),
           .events = static_cast<short>(attempt.state == PGRES_POLLING_READING ? POLLIN : POLLOUT),
           .revents = 0});
    }
    if (waiting.empty()) return;
    const absl::Duration limit =
        any_connected ? std::min(longest, limits::kPostgresDialOthers) : longest;
    const absl::Duration left = start + limit - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return;
    ::poll(sockets.data(), sockets.size(), MillisecondsOf(left));
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (sockets[i].revents != 0) waiting[i]->state = PQconnectPoll(waiting[i]->session.get());
    }
  }
}

// The answer to kProbe, or null.
PGresult* Answer(PGconn* session, absl::Duration longest) {
  const SystemClock clock;
  const absl::Time deadline = clock.Monotonic() + longest;
  if (PQsendQuery(session, kProbe) == 0) return nullptr;
  while (PQisBusy(session) != 0) {
    const absl::Duration left = deadline - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return nullptr;
    pollfd socket = {.fd = PQsocket(session), .events = POLLIN, .revents = 0};
    ::poll(&socket, 1, MillisecondsOf(left));
    if (socket.revents != 0 && PQconsumeInput(session) == 0) return nullptr;
  }
  PGresult* const first = PQgetResult(session);
  while (PGresult* const more = PQgetResult(session)) PQclear(more);
  return first;
}

// Asks a fresh session what its server is.
absl::StatusOr<DialledPostgres> Probed(PostgresSession session, absl::Duration longest) {
  PGresult* const result = Answer(session.get(), longest);
  if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
    PQclear(result);
    return errors::StoreUnavailable(Trimmed(PQerrorMessage(session.get())));
  }
  DialledPostgres dialled = {.writable = PQgetvalue(result, 0, 0)[0] == 't',
                             .version = PQserverVersion(session.get())};
  const std::string encoding = PQgetvalue(result, 0, 2);
  dialled.system_id = PQgetvalue(result, 0, 3);
  if (PQgetisnull(result, 0, 1) == 0) {
    dialled.timeline = static_cast<int>(std::strtol(PQgetvalue(result, 0, 1), nullptr, 16));
  }
  PQclear(result);
  if (dialled.version < limits::kOldestPostgres) {
    return errors::StoreUnfit(absl::StrCat("the server is PostgreSQL ", dialled.version / 10000,
                                           ": 13 or newer is needed"));
  }
  if (encoding != "UTF8") {
    return errors::StoreUnfit(
        absl::StrCat("the database's encoding is ", encoding, ": make one with ENCODING 'UTF8'"));
  }
  dialled.session = std::move(session);
  return dialled;
}

}  // namespace

void ClosePostgres::operator()(pg_conn* connection) const { PQfinish(connection); }

absl::StatusOr<DialledPostgres> DialPostgres(const std::string& conninfo,
                                             absl::string_view application_name, bool any,
                                             absl::Duration longest) {
  SB_ASSIGN_OR_RETURN(Keywords keywords, KeywordsIn(conninfo));
  if (int seconds = 0; absl::SimpleAtoi(keywords["connect_timeout"], &seconds) && seconds > 0) {
    longest = absl::Seconds(seconds);
  }
  for (const auto& [name, value] : kDefaults) keywords.emplace(name, value);
  keywords.emplace("application_name", std::string(application_name));

  const std::vector<Keywords> hosts = EachHost(keywords);
  std::vector<Attempt> attempts;
  for (const Keywords& host : hosts) attempts.push_back(Start(host));
  Finish(&attempts, longest);

  DialledPostgres best;
  absl::Status unfit;
  std::vector<std::string> refusals;
  for (Attempt& attempt : attempts) {
    PGconn* const session = attempt.session.get();
    const std::string name = absl::StrCat(PQhost(session), ":", PQport(session));
    if (!attempt.connected()) {
      refusals.push_back(attempt.done() ? Trimmed(PQerrorMessage(session))
                                        : absl::StrCat(name, ": no answer within ",
                                                       absl::FormatDuration(longest)));
      continue;
    }
    absl::StatusOr<DialledPostgres> dialled = Probed(std::move(attempt.session), longest);
    if (!dialled.ok()) {
      if (absl::IsFailedPrecondition(dialled.status())) unfit = dialled.status();
      refusals.push_back(absl::StrCat(name, ": ", dialled.status().message()));
    } else if (!dialled->writable && !any) {
      refusals.push_back(absl::StrCat(name, ": is a standby or read-only"));
    } else if (best.session == nullptr || dialled->timeline > best.timeline) {
      best = *std::move(dialled);
    }
  }
  if (best.session != nullptr) return best;
  if (!unfit.ok()) return unfit;
  return errors::StoreUnavailable(
      absl::StrCat("no connection to PostgreSQL: ", absl::StrJoin(refusals, "; ")));
}

std::string PostgresLocation(const std::string& conninfo) {
  absl::StatusOr<Keywords> keywords = KeywordsIn(conninfo);
  if (!keywords.ok()) return "";
  std::vector<std::string> hosts;
  for (const Keywords& one : EachHost(*keywords)) {
    const auto value = [&](const char* key) {
      const auto found = one.find(key);
      return found == one.end() ? std::string() : found->second;
    };
    std::string host = value("host").empty() ? value("hostaddr") : value("host");
    if (!value("port").empty()) absl::StrAppend(&host, ":", value("port"));
    hosts.push_back(std::move(host));
  }
  return absl::StrCat(absl::StrJoin(hosts, ","), "/", (*keywords)["dbname"]);
}

}  // namespace signalbox
