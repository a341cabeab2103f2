// Makes of the daemon that is linked with it the control of the power-cut test: every connection
// that asks SQLite for synchronous=FULL gets NORMAL, and reads FULL back. The linker sends the
// calls of sqlite3_prepare_v2 here (--wrap).
#include <sqlite3.h>

#include <mutex>
#include <set>
#include <string>

extern "C" {

int __real_sqlite3_prepare_v2(sqlite3* db, const char* sql, int bytes, sqlite3_stmt** statement,
                              const char** tail);

int __wrap_sqlite3_prepare_v2(sqlite3* db, const char* sql, int bytes, sqlite3_stmt** statement,
                              const char** tail) {
  static std::mutex mu;
  static auto* const lied_to = new std::set<sqlite3*>();
  std::string text = bytes < 0 ? std::string(sql) : std::string(sql, static_cast<size_t>(bytes));
  text = text.c_str();  // without what may follow its end
  const std::lock_guard<std::mutex> lock(mu);
  if (text == "PRAGMA synchronous = FULL") {
    lied_to->insert(db);
    return __real_sqlite3_prepare_v2(db, "PRAGMA synchronous = NORMAL", -1, statement, nullptr);
  }
  if (text == "PRAGMA synchronous = NORMAL") lied_to->erase(db);
  if (text == "PRAGMA synchronous" && lied_to->count(db) > 0) {
    return __real_sqlite3_prepare_v2(db, "SELECT 2", -1, statement, nullptr);
  }
  return __real_sqlite3_prepare_v2(db, sql, bytes, statement, tail);
}

}  // extern "C"
