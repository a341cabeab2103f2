// One connection and the pool: values, errors and their codes, transactions, lost servers.
#include "storage/postgres/postgres_connection.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "base/check.h"
#include "base/random.h"
#include "storage/postgres/postgres_pool.h"
#include "tests/testing/postgres_cluster.h"

namespace signalbox::testing {
namespace {

std::unique_ptr<PostgresConnection> Connect(const std::string& url,
                                            StatementObserver observer = nullptr) {
  auto connection = PostgresConnection::Open({.conninfo = url, .observer = std::move(observer)});
  SB_CHECK(connection.ok());
  return *std::move(connection);
}

absl::StatusCode CodeOf(PostgresConnection& connection, const char* text) {
  return connection.Run(Sql{"a_statement", text}).status().code();
}

TEST_CASE("values of every type come back as they went") {
  PostgresDatabase database;
  const auto connection = Connect(database.Url());
  const std::string bytes("\0\xff'\\ body", 10);
  const absl::Time time = absl::FromUnixMicros(1234567890123456);
  const auto result = connection->Run(
      Sql{"echo", "SELECT $1, $2, $3, $4, $5, $6, NULL::bytea, $7, 7::int4, (-2)::int2"},
      PostgresParams()
          .Int(-5000000000)
          .Text("Grüße '\\ \n")
          .Bytes(bytes)
          .Time(time)
          .Json("{\"b\": \"ü\", \"a\": \"1\"}")
          .Bool(true)
          .Time(absl::FromUnixMillis(-1)));
  REQUIRE(result.ok());
  REQUIRE(result->rows() == 1);
  const PostgresRow row = (*result)[0];
  CHECK(row.Int(0) == -5000000000);
  CHECK(row.Text(1) == "Grüße '\\ \n");
  CHECK(row.Bytes(2) == bytes);
  CHECK(row.Time(3) == time);
  CHECK(row.Json(4) == "{\"a\": \"1\", \"b\": \"ü\"}");
  CHECK(row.Bool(5));
  CHECK(row.IsNull(6));
  CHECK(row.DigestAt(6) == Digest{});
  CHECK(row.Time(7) == absl::FromUnixMillis(-1));
  CHECK(row.Int(8) == 7);
  CHECK(row.Int(9) == -2);
}

TEST_CASE("arrays come back as they went, empty ones and NULLs too") {
  PostgresDatabase database;
  const auto connection = Connect(database.Url());
  const auto result =
      connection->Run(Sql{"unnest",
                          "SELECT i, t, b, m FROM unnest($1::int8[], $2::text[], $3::bytea[], "
                          "$4::timestamptz[]) AS u(i, t, b, m)"},
                      PostgresParams()
                          .Ints({1, -2})
                          .Texts({"a\"{},", ""})
                          .BytesArray({std::nullopt, absl::string_view("\0x", 2)})
                          .Times({absl::UnixEpoch(), absl::FromUnixMillis(1)}));
  REQUIRE(result.ok());
  REQUIRE(result->rows() == 2);
  CHECK((*result)[1].Int(0) == -2);
  CHECK((*result)[0].Text(1) == "a\"{},");
  CHECK((*result)[1].Text(1).empty());
  CHECK((*result)[0].IsNull(2));
  CHECK((*result)[1].Bytes(2) == absl::string_view("\0x", 2));
  CHECK((*result)[1].Time(3) == absl::FromUnixMillis(1));
  const auto none =
      connection->Run(Sql{"none", "SELECT unnest($1::text[])"}, PostgresParams().Texts({}));
  REQUIRE(none.ok());
  CHECK(none->rows() == 0);
}

TEST_CASE("an error says which statement and which code, and never a value") {
  PostgresDatabase database;
  database.Execute("CREATE TABLE t (a TEXT PRIMARY KEY)");
  const auto connection = Connect(database.Url());
  const Sql insert = {"insert_t", "INSERT INTO t VALUES ($1)"};
  REQUIRE(connection->Run(insert, PostgresParams().Text("secret")).ok());
  const auto twice = connection->Run(insert, PostgresParams().Text("secret")).status();
  CHECK(twice.code() == absl::StatusCode::kAborted);
  CHECK(absl::StrContains(twice.message(), "insert_t: SQLSTATE 23505"));
  CHECK(!absl::StrContains(twice.message(), "secret"));
  CHECK(CodeOf(*connection, "SELECT * FROM missing") == absl::StatusCode::kDataLoss);
  CHECK(CodeOf(*connection, "SELECT 'secret'::int") == absl::StatusCode::kUnavailable);
  CHECK(!connection->broken());
  CHECK(CodeOf(*connection, "SELECT 1") == absl::StatusCode::kOk);
}

TEST_CASE("a batch is one round trip, and its first error undoes what ran before") {
  PostgresDatabase database;
  database.Execute("CREATE TABLE t (a INT PRIMARY KEY)");
  const auto connection = Connect(database.Url());
  PostgresBatch good;
  good.Add({"one", "INSERT INTO t VALUES (1)"}).Add({"count", "SELECT count(*) FROM t"});
  const auto results = connection->RunBatch(good);
  REQUIRE(results.ok());
  CHECK((*results)[0].changed_rows() == 1);
  CHECK((*results)[1][0].Int(0) == 1);
  PostgresBatch bad;
  bad.Add({"two", "INSERT INTO t VALUES (2)"})
      .Add({"again", "INSERT INTO t VALUES (1)"})
      .Add({"three", "INSERT INTO t VALUES (3)"});
  const auto failed = connection->RunBatch(bad).status();
  CHECK(failed.code() == absl::StatusCode::kAborted);
  CHECK(absl::StrContains(failed.message(), "again:"));
  CHECK(database.Execute("SELECT count(*) FROM t") == "1");
  CHECK(connection->RunBatch(good).status().code() == absl::StatusCode::kAborted);
  CHECK(CodeOf(*connection, "SELECT 1") == absl::StatusCode::kOk);
}

TEST_CASE("a transaction that is not committed is rolled back at the end of the scope") {
  PostgresDatabase database;
  database.Execute("CREATE TABLE t (a INT)");
  const auto connection = Connect(database.Url());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add({"insert", "INSERT INTO t VALUES (1)"});
  {
    PostgresTransaction transaction(connection.get());
    REQUIRE(connection->RunBatch(begin).ok());
    CHECK(connection->in_transaction());
  }
  CHECK(!connection->in_transaction());
  CHECK(database.Execute("SELECT count(*) FROM t") == "0");
  {
    PostgresTransaction transaction(connection.get());
    REQUIRE(connection->RunBatch(begin).ok());
    PostgresBatch more;
    more.Add({"insert", "INSERT INTO t VALUES (2)"});
    CHECK(connection->Commit(more).ok());
  }
  CHECK(database.Execute("SELECT count(*) FROM t") == "2");
}

TEST_CASE("what fails before or at a COMMIT is not written and says so") {
  PostgresDatabase database;
  database.Execute(
      "CREATE TABLE t (a INT UNIQUE DEFERRABLE INITIALLY DEFERRED); CREATE TABLE u (a INT)");
  const auto connection = Connect(database.Url());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  PostgresBatch twice;
  twice.Add({"insert", "INSERT INTO t VALUES (1), (1)"});
  {
    PostgresTransaction transaction(connection.get());
    REQUIRE(connection->RunBatch(begin).ok());
    const auto status = connection->Commit(twice);
    CHECK(status.code() == absl::StatusCode::kAborted);
    CHECK(absl::StrContains(status.message(), "commit:"));
  }
  {
    PostgresTransaction transaction(connection.get());
    REQUIRE(connection->RunBatch(begin).ok());
    PostgresBatch slow;
    slow.Add({"set", "SET LOCAL statement_timeout = '10ms'"})
        .Add({"sleep", "SELECT pg_sleep(5)"})
        .Add({"insert", "INSERT INTO u VALUES (1)"});
    CHECK(connection->Commit(slow).code() == absl::StatusCode::kAborted);
  }
  CHECK(database.Execute("SELECT count(*) FROM u") == "0");
  CHECK(!connection->broken());
}

TEST_CASE("a warning at the COMMIT makes its outcome unknown") {
  PostgresDatabase database;
  database.Execute(
      "CREATE TABLE t (a INT);"
      "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN RAISE WARNING 'hm'; RETURN NULL; END$$;"
      "CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION warn()");
  const auto connection = Connect(database.Url());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  REQUIRE(connection->RunBatch(begin).ok());
  PostgresBatch insert;
  insert.Add({"insert", "INSERT INTO t VALUES (1)"});
  CHECK(connection->Commit(insert).code() == absl::StatusCode::kUnavailable);
  REQUIRE(connection->RunBatch(begin).ok());
  CHECK(connection->Commit({}).ok());
}

TEST_CASE("a lock that another holds is given up, and nothing was written") {
  PostgresDatabase database;
  database.Execute("CREATE TABLE t (a INT)");
  const auto holder = Connect(database.Url());
  const auto connection = Connect(database.Url());
  REQUIRE(holder->RunScript("hold", "BEGIN; LOCK TABLE t").ok());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  begin.Add({"soon", "SET LOCAL lock_timeout = '10ms'"})
      .Add({"insert", "INSERT INTO t VALUES (1)"});
  PostgresTransaction transaction(connection.get());
  CHECK(connection->RunBatch(begin).status().code() == absl::StatusCode::kAborted);
  holder->Rollback();
}

TEST_CASE("a large answer is handed out row by row, and an error of the reader ends it") {
  PostgresDatabase database;
  const auto connection = Connect(database.Url());
  const Sql series = {"series", "SELECT g FROM generate_series(1, $1) g"};
  int64_t sum = 0;
  REQUIRE(connection
              ->ForEachRow(series, PostgresParams().Int(1000),
                           [&](const PostgresRow& row) {
                             sum += row.Int(0);
                             return absl::OkStatus();
                           })
              .ok());
  CHECK(sum == 500500);
  CHECK(connection->ForEachRow(series, PostgresParams().Int(1000), [](const PostgresRow& row) {
    return absl::DataLossError("enough");
  }) == absl::DataLossError("enough"));
  CHECK(CodeOf(*connection, "SELECT 1") == absl::StatusCode::kOk);
}

TEST_CASE("statements are told to the observer by their names") {
  PostgresDatabase database;
  std::vector<std::string> names;
  const auto connection = Connect(
      database.Url(), [&](absl::string_view name, absl::Duration) { names.emplace_back(name); });
  REQUIRE(connection->Run({"a", "SELECT 1"}).ok());
  PostgresBatch batch;
  batch.Add({"b", "SELECT 1"}).Add({"c", "SELECT 1"});
  REQUIRE(connection->RunBatch(batch).ok());
  CHECK(names == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a silent server is given up") {
  PostgresDatabase database;
  const auto connection = Connect(database.Url());
  connection->set_silence(absl::Milliseconds(20));
  CHECK(CodeOf(*connection, "SELECT pg_sleep(60)") == absl::StatusCode::kUnavailable);
  CHECK(connection->broken());
  CHECK(CodeOf(*connection, "SELECT 1") == absl::StatusCode::kUnavailable);
}

TEST_CASE("a session that the server ended leaves the outcome of a COMMIT unknown") {
  PostgresDatabase database;
  const auto connection = Connect(database.Url());
  PostgresBatch begin;
  PostgresTransaction::BeginWrite(&begin);
  REQUIRE(connection->RunBatch(begin).ok());
  database.Execute(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
      "WHERE application_name = 'signalbox' AND datname = current_database()");
  CHECK(connection->Commit({}).code() == absl::StatusCode::kUnavailable);
  CHECK(connection->broken());
}

TEST_CASE("a conninfo that cannot be read is refused without its password") {
  const auto status = PostgresConnection::Open({.conninfo = "host=a passwort=geheim"}).status();
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(!absl::StrContains(status.message(), "geheim"));
}

TEST_CASE("of several hosts the one that answers is taken, and nobody waits for the other") {
  PostgresDatabase database;
  const std::string& directory = database.cluster().socket_directory();
  const std::string conninfo =
      "host=" + directory + "/nobody," + directory + " user=signalbox dbname=" + database.name();
  CHECK(CodeOf(*Connect(conninfo), "SELECT 1") == absl::StatusCode::kOk);
  CHECK(PostgresLocation("postgres://u:geheim@db1:5432,db2:5433/fleet") ==
        "db1:5432,db2:5433/fleet");
}

TEST_CASE("a server that cannot write is refused where writing is wanted") {
  PostgresDatabase database;
  database.Execute("ALTER DATABASE " + database.name() + " SET default_transaction_read_only = on");
  const auto refused = PostgresConnection::Open({.conninfo = database.Url()}).status();
  CHECK(refused.code() == absl::StatusCode::kUnavailable);
  CHECK(PostgresConnection::Open(
            {.conninfo = database.Url(), .server = PostgresConnection::Server::kAny})
            .ok());
}

TEST_CASE("a pool connects again after the server was gone") {
  PostgresCluster cluster({});
  SystemRandom random;
  PostgresPool pool(
      {.connection = {.conninfo = cluster.Url("postgres")}, .readers = 2, .random = &random});
  const Sql one = {"one", "SELECT 1"};
  {
    const auto first = pool.Reader();
    const auto second = pool.Reader();
    const auto writer = pool.Writer();
    REQUIRE((first.ok() && second.ok() && writer.ok()));
    CHECK(!(*first).reused());
    CHECK((*writer)->Run(one).ok());
  }
  cluster.Kill();
  {
    const auto lease = pool.Reader();
    REQUIRE(lease.ok());
    CHECK(lease->reused());
    CHECK((*lease)->Run(one).status().code() == absl::StatusCode::kUnavailable);
  }
  CHECK(pool.Reader().status().code() == absl::StatusCode::kUnavailable);
  CHECK(pool.Writer().status().code() == absl::StatusCode::kUnavailable);
  cluster.Start();
  const auto lease = pool.Writer();
  REQUIRE(lease.ok());
  CHECK((*lease)->Run(one).ok());
}

TEST_CASE("a pool keeps as many readers open as it is told to") {
  PostgresDatabase database;
  SystemRandom random;
  PostgresPool pool({.connection = {.conninfo = database.Url(), .application_name = "kept"},
                     .readers = 4,
                     .kept_readers = 2,
                     .random = &random});
  const std::string count = absl::StrCat(
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kept' AND datname = '",
      database.name(), "'");
  CHECK(database.Execute(count) == "0");
  pool.KeepReaders();
  CHECK(database.Execute(count) == "2");
  {
    const auto first = pool.Reader();
    const auto second = pool.Reader();
    REQUIRE((first.ok() && second.ok()));
    CHECK((first->reused() && second->reused()));
    // Those that are in use are not opened again.
    pool.KeepReaders();
    CHECK(database.Execute(count) == "2");
    database.Execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = "
        "'kept'");
    for (const auto* lease : {&first, &second})
      CHECK((**lease)->Run({"one", "SELECT 1"}).status().code() == absl::StatusCode::kUnavailable);
  }
  // Both were found broken when they came back, the
  pool.KeepReaders();
  CHECK(database.Execute(count) == "2");
  CHECK((*pool.Reader())->Run({"one", "SELECT 1"}).ok());
}

TEST_CASE("a pool lends each connection to one at a time, and closing waits for them") {
  PostgresDatabase database;
  SystemRandom random;
  PostgresPool pool({.connection = {.conninfo = database.Url()}, .readers = 1, .random = &random});
  std::optional<PostgresPool::Lease> lease = *pool.Reader();
  absl::Status second;
  std::thread other([&] { second = pool.Reader().status(); });
  std::thread closer([&] { pool.Close(); });
  other.join();
  CHECK(second.code() == absl::StatusCode::kCancelled);
  CHECK((*lease)->Run({"one", "SELECT 1"}).ok());
  lease.reset();
  closer.join();
  CHECK(pool.Writer().status().code() == absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace signalbox::testing
