#include "tests/testing/postgres_cluster.h"

#include <fcntl.h>
#include <postgresql/libpq-fe.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/check.h"

namespace signalbox::testing {
namespace {

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";
constexpr const char* kUser = "signalbox";
// PostgreSQL refuses root. As root the server becomes this user, which every Linux has.
constexpr uid_t kNobody = 65534;
constexpr auto kStartDeadline = std::chrono::seconds(60);

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "postgres_cluster: %s\n", why.c_str());
  std::abort();
}

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What stands before a program's name so that it ends with this process and is not root. Inside a
// user namespace that has no other user (a sandbox) a nested one gives root another number. Other
// programs do both, since the forked child of a TSan program has a second thread, with which it
// cannot enter a namespace.
std::vector<std::string> Wrapper(bool owned_by_nobody) {
  const std::string nobody = std::to_string(kNobody);
  std::vector<std::string> ends_with_us = {"/usr/bin/setpriv", "--pdeathsig", "SIGQUIT"};
  if (::geteuid() != 0) return ends_with_us;
  if (owned_by_nobody) {
    ends_with_us.insert(ends_with_us.end(),
                        {"--reuid", nobody, "--regid", nobody, "--clear-groups"});
    return ends_with_us;
  }
  std::vector<std::string> wrapper = {"/usr/bin/unshare", "--user", "--map-user=" + nobody,
                                      "--map-group=" + nobody};
  wrapper.insert(wrapper.end(), ends_with_us.begin(), ends_with_us.end());
  return wrapper;
}

// Starts a program of PostgreSQL's that writes to `log` and ends with this process.
pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log,
            const std::string& directory) {
  const std::string program = std::string(kPrograms) + "/" + arguments.front();
  if (::access(program.c_str(), X_OK) != 0) {
    Fail(program + " is missing: run tools/setup, which installs postgresql-15");
  }
  const bool owned_by_nobody =
      ::geteuid() == 0 && ::chown(directory.c_str(), kNobody, kNobody) == 0;
  std::vector<std::string> command = Wrapper(owned_by_nobody);
  command.push_back(program);
  command.insert(command.end(), arguments.begin() + 1, arguments.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  SB_CHECK(pid >= 0);
  if (pid > 0) return pid;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  const int in = ::open("/dev/null", O_RDONLY);
  if (out < 0 || in < 0 || ::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) _exit(97);
  // A group of its own: a signal to the test's group is not the server's.
  ::setpgid(0, 0);
  ::execv(argv.front(), argv.data());
  _exit(96);
}

// Runs one of its programs to its end, which must be a good one.
void RunToEnd(const std::vector<std::string>& arguments, const std::string& log,
              const std::string& directory) {
  const pid_t pid = Spawn(arguments, log, directory);
  int status = 0;
  SB_CHECK(::waitpid(pid, &status, 0) == pid);
  if (status != 0) {
    Fail(arguments.front() + " ended with " + std::to_string(WEXITSTATUS(status)) + ": " +
         ContentOf(log));
  }
}

std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

PostgresCluster::PostgresCluster(const Options& options) : directory_(TempDir::Place::kShortPath) {
  const std::string data = directory_.Join("data");
  const std::string log = directory_.Join("initdb.log");
  RunToEnd({"initdb", "--no-sync", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US",
            "-E", "UTF8", "-A", "trust", "-U", kUser, "-D", data},
           log, directory_.path());
  Configure({
      {"listen_addresses", ""},
      {"unix_socket_directories", directory_.path()},
      {"shared_buffers", "32MB"},
      {"dynamic_shared_memory_type", "mmap"},
      {"fsync", options.fsync ? "on" : "off"},
      {"full_page_writes", options.fsync ? "on" : "off"},
  });
  Configure(options.settings);
  Start();
}

PostgresCluster::PostgresCluster(const PostgresCluster& primary,
                                 const std::string& application_name)
    : directory_(TempDir::Place::kShortPath) {
  const std::string data = directory_.Join("data");
  RunToEnd({"pg_basebackup", "--no-sync", "--checkpoint=fast", "-h", primary.socket_directory(),
            "-U", kUser, "-D", data},
           directory_.Join("basebackup.log"), directory_.path());
  Configure({{"unix_socket_directories", directory_.path()},
             {"primary_conninfo", "host=" + primary.socket_directory() + " user=" + kUser +
                                      " application_name=" + application_name},
             {"wal_retrieve_retry_interval", "50ms"}});
  SB_CHECK(std::ofstream(data + "/standby.signal").good());
  Start();
}

void PostgresCluster::Configure(
    const std::vector<std::pair<std::string, std::string>>& settings) const {
  std::ofstream file(directory_.Join("data/postgresql.conf"), std::ios::app);
  for (const auto& [name, value] : settings) file << name << " = " << Quoted(value) << "\n";
  file.close();
  SB_CHECK(file.good());
}

PostgresCluster::~PostgresCluster() {
  // Nothing of it is kept: no need for order.
  if (pid_ == 0) return;
  ::kill(pid_, SIGQUIT);
  WaitForEnd();
}

PostgresCluster& PostgresCluster::Shared() {
  static PostgresCluster cluster{Options{}};
  return cluster;
}

std::string PostgresCluster::Url(const std::string& database) const {
  return std::string("postgresql://") + kUser + "@/" + database + "?host=" + directory_.path();
}

std::string PostgresCluster::Execute(const std::string& database, const std::string& sql) const {
  PGconn* const connection = PQconnectdb(Url(database).c_str());
  if (PQstatus(connection) != CONNECTION_OK) Fail(PQerrorMessage(connection));
  PGresult* const result = PQexec(connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    Fail(sql + ": " + PQerrorMessage(connection));
  }
  std::string value;
  if (PQntuples(result) > 0 && PQnfields(result) > 0) value = PQgetvalue(result, 0, 0);
  PQclear(result);
  PQfinish(connection);
  return value;
}

void PostgresCluster::Set(const std::string& name, const std::string& value) const {
  Execute("postgres", "ALTER SYSTEM SET " + name + " = " + Quoted(value));
  Execute("postgres", "SELECT pg_reload_conf()");
}

void PostgresCluster::Kill() {
  SB_CHECK(pid_ != 0);
  ::kill(pid_, SIGKILL);
  WaitForEnd();
}

void PostgresCluster::Stop() {
  SB_CHECK(pid_ != 0);
  ::kill(pid_, SIGINT);
  WaitForEnd();
}

void PostgresCluster::WaitForEnd() {
  int status = 0;
  SB_CHECK(::waitpid(pid_, &status, 0) == pid_);
  pid_ = 0;
}

void PostgresCluster::Start() {
  SB_CHECK(pid_ == 0);
  const std::string log = directory_.Join("postgres.log");
  const std::string url = Url("postgres");
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  while (std::chrono::steady_clock::now() < deadline) {
    if (pid_ == 0)
      pid_ = Spawn({"postgres", "-D", directory_.Join("data")}, log, directory_.path());
    if (PQping(url.c_str()) == PQPING_OK) return;
    int status = 0;
    // After a SIGKILL the old sessions may still hold the data for a moment: it is tried again.
    if (::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Fail("the server does not start: " + ContentOf(log));
}

void PostgresCluster::Promote() const { Execute("postgres", "SELECT pg_promote()"); }

PostgresDatabase::PostgresDatabase(PostgresCluster* cluster)
    : cluster_(cluster), name_([] {
        static std::atomic<int> count = 0;
        return "test" + std::to_string(++count);
      }()) {
  cluster_->Execute("postgres", "CREATE DATABASE " + name_);
}

PostgresDatabase::~PostgresDatabase() {
  cluster_->Execute("postgres", "DROP DATABASE " + name_ + " WITH (FORCE)");
}

}  // namespace signalbox::testing
