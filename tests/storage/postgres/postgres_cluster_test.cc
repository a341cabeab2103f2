// What the other tests take for granted of their PostgreSQL.
#include "tests/testing/postgres_cluster.h"

#include <catch2/catch.hpp>

namespace signalbox::testing {
namespace {

TEST_CASE("each test has a database of its own, whose text does not sort by bytes by itself") {
  PostgresDatabase first;
  PostgresDatabase second;
  first.Execute("CREATE TABLE t (a TEXT)");
  CHECK(second.Execute("SELECT to_regclass('t') IS NULL") == "t");
  CHECK(first.Execute("SELECT 'a' < 'B'") == "t");
  CHECK(first.Execute("SELECT 'a' < 'B' COLLATE \"C\"") == "f");
  CHECK(first.Execute("SHOW server_encoding") == "UTF8");
}

TEST_CASE("a cluster that was killed comes back with what was committed") {
  PostgresCluster cluster({.fsync = true});
  PostgresDatabase database(&cluster);
  database.Execute("CREATE TABLE t (a INT)");
  database.Execute("INSERT INTO t VALUES (7)");
  cluster.Kill();
  cluster.Start();
  CHECK(database.Execute("SELECT a FROM t") == "7");
  cluster.Stop();
  cluster.Start();
  CHECK(database.Execute("SELECT a FROM t") == "7");
  CHECK(database.Execute("SHOW fsync") == "on");
}

TEST_CASE("a parameter can be set while it runs") {
  PostgresCluster cluster({.settings = {{"max_connections", "17"}}});
  CHECK(cluster.Execute("postgres", "SHOW max_connections") == "17");
  cluster.Set("work_mem", "5MB");
  CHECK(cluster.Execute("postgres",
                        "SELECT setting FROM pg_file_settings WHERE name = 'work_mem'") == "5MB");
}

}  // namespace
}  // namespace signalbox::testing
