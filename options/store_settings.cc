#include "options/store_settings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/suggest.h"
#include "options/redact.h"

namespace signalbox::options {
namespace {

constexpr char kMemoryUrl[] = "sqlite::memory:";
constexpr char kUrlForms[] =
    "it is sqlite:///relative, sqlite:////absolute, sqlite::memory: or "
    "postgres://USER@HOST/DATABASE";
constexpr char kPostgresExample[] = "store.url = \"postgres://USER@HOST/DATABASE\"";
// STORAGE section 9: where these are crossed, one file with one writer is not enough.
constexpr char kThresholds[] = "jobs/min > 500, audit > 10 GB, p95 write > 200 ms, sessions > 100";

// The relative and the absolute form of a url for `text`, however many slashes it begins with.
std::string SqliteForms(absl::string_view text) {
  while (absl::ConsumePrefix(&text, "/")) {
  }
  const std::string path = RedactedUrl(text);
  return absl::StrCat("write sqlite:///", path, " for a relative path or sqlite:////", path,
                      " for an absolute one");
}

bool IsScheme(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isalnum);
}

class StoreParser {
 public:
  explicit StoreParser(const StoreText& text) : text_(text) {}

  ParsedStore Parse() && {
    parsed_.settings.slow_query = text_.slow_query;
    parsed_.settings.allow_fsync_off = text_.allow_fsync_off;
    ParsePool();
    const bool by_fields = HasPostgresFields();
    if (!text_.url.empty() && IsPostgresUrl(text_.url)) {
      ParsePostgres(Given::kUrl);
    } else if (!text_.url.empty()) {
      ParseUrl();
    } else if (!text_.path.empty()) {
      ParsePath();
    } else if (by_fields || text_.driver == "postgres") {
      ParsePostgres(Given::kFields);
    } else if (!text_.default_directory.empty()) {
      ParseSqlite("", text_.default_directory);
    } else {
      Problem("store.url",
              "there is no default: HOME, XDG_STATE_HOME and STATE_DIRECTORY are unset; set "
              "store.url");
    }
    ParseMigrate();
    return std::move(parsed_);
  }

 private:
  enum class Given { kUrl, kFields };

  void Problem(absl::string_view key, absl::string_view what, absl::string_view other = "") {
    parsed_.problems.push_back({std::string(key), std::string(what), std::string(other)});
  }
  void Warning(absl::string_view key, absl::string_view what) {
    parsed_.warnings.push_back({std::string(key), std::string(what), ""});
  }

  // What says where a PostgreSQL is, in the order of the reference.
  std::vector<std::pair<std::string, const std::string*>> PlaceFields() const {
    return {{"store.host", &text_.host},
            {"store.port", &text_.port},
            {"store.user", &text_.user},
            {"store.dbname", &text_.dbname},
            {"store.sslmode", &text_.sslmode}};
  }
  std::vector<std::pair<std::string, const std::string*>> PostgresFields() const {
    auto fields = PlaceFields();
    fields.emplace_back("store.password", &text_.password);
    fields.emplace_back("store.password_file", &text_.password_file);
    return fields;
  }
  bool HasPostgresFields() const {
    const auto fields = PostgresFields();
    return std::any_of(fields.begin(), fields.end(),
                       [](const auto& field) { return !field.second->empty(); });
  }

  std::string ShownUrl() const { return absl::StrCat("\"", RedactedUrl(text_.url), "\" "); }

  void ParsePool() {
    parsed_.settings.pool_min = text_.pool_min;
    parsed_.settings.pool_max = text_.pool_max;
    if (text_.pool_min > text_.pool_max) {
      Problem("store.pool_min",
              absl::StrCat("is ", text_.pool_min, ", above store.pool_max, which is ",
                           text_.pool_max, "; it must be from 1 to that"),
              "store.pool_max");
    }
  }

  void ParseMigrate() {
    Migrate& migrate = parsed_.settings.migrate;
    const bool by_itself = text_.migrate.empty();
    if (text_.migrate == "auto" || (by_itself && parsed_.settings.sqlite() != nullptr)) {
      migrate = Migrate::kAuto;
    } else {
      migrate = text_.migrate == "off" ? Migrate::kOff : Migrate::kRequire;
    }
  }

  // An url that is not PostgreSQL's.
  void ParseUrl() {
    absl::string_view rest = text_.url;
    const size_t colon = text_.url.find(':');
    const std::string scheme = text_.url.substr(0, colon);
    if (colon == std::string::npos || !IsScheme(scheme)) {
      Problem("store.url", absl::StrCat(ShownUrl(), "has no scheme; ", kUrlForms));
    } else if (scheme == "postgres" || scheme == "postgresql") {
      Problem("store.url", absl::StrCat(ShownUrl(), "needs two slashes after the colon; write ",
                                        kPostgresExample));
    } else if (scheme != "sqlite") {
      Problem("store.url",
              absl::StrCat(
                  ShownUrl(), "has the scheme \"", scheme, "\", which is no kind of store",
                  DidYouMean(absl::AsciiStrToLower(scheme), {"sqlite", "postgres", "postgresql"}),
                  "; ", kUrlForms));
    } else if (text_.url == kMemoryUrl) {
      ParseSqlite("store.url", "");
    } else if (absl::EndsWith(text_.url, ":memory:") || absl::EndsWith(text_.url, ":memory")) {
      Problem("store.url",
              absl::StrCat(ShownUrl(), "is not understood; in memory it is ", kMemoryUrl));
    } else if (absl::ConsumePrefix(&rest, "sqlite:///")) {
      ParseSqliteUrl(rest);
    } else if (absl::ConsumePrefix(&rest, "sqlite://")) {
      ParseSqliteHost(rest);
    } else {
      Problem("store.url", absl::StrCat(ShownUrl(), "needs three slashes after the colon; ",
                                        SqliteForms(text_.url.substr(colon + 1))));
    }
  }

  void ParseSqliteUrl(absl::string_view path) {
    if (path.empty() || path == "/") {
      Problem("store.url", absl::StrCat(ShownUrl(), "has no path; ", kUrlForms));
    } else if (absl::StrContains(path, '?') || absl::StrContains(path, '#')) {
      Problem("store.url", absl::StrCat(ShownUrl(),
                                        "has parameters, and SQLite takes none; leave "
                                        "out what begins with \"?\" or \"#\""));
    } else {
      ParseSqlite("store.url", std::string(path));
    }
  }

  // sqlite://REST, which has a host where SQLite has none.
  void ParseSqliteHost(absl::string_view rest) {
    const absl::string_view host = rest.substr(0, rest.find('/'));
    if (rest.empty()) {
      Problem("store.url", absl::StrCat(ShownUrl(), "has no path; ", kUrlForms));
    } else if (absl::StrContains(host, '@') || absl::StrContains(host, ':')) {
      Problem("store.url", absl::StrCat(ShownUrl(), "names a host, and SQLite has none; ",
                                        SqliteForms("DIRECTORY"), ", or ", kPostgresExample));
    } else {
      Problem(
          "store.url",
          absl::StrCat(ShownUrl(), "has two slashes after the colon, which makes \"",
                       RedactedUrl(host), "\" a host, and SQLite has none; ", SqliteForms(rest)));
    }
  }

  void ParsePath() {
    const absl::string_view path = text_.path;
    if (path == ":memory:" || absl::StrContains(path, "://")) {
      Problem("store.path",
              absl::StrCat("\"", RedactedUrl(path), "\" is no directory; ",
                           path == ":memory:"
                               ? absl::StrCat("in memory it is store.url = \"", kMemoryUrl, "\"")
                               : "a url belongs into store.url"));
      return;
    }
    ParseSqlite("store.path", text_.path);
  }

  // SQLite; `said_by` is the option that says so, "" when none does.
  void ParseSqlite(absl::string_view said_by, std::string directory) {
    parsed_.settings.backend = SqliteSettings{std::move(directory)};
    if (text_.driver == "postgres") {
      Problem("store.driver",
              absl::StrCat("is \"postgres\", and ", said_by, " is SQLite's; set ", kPostgresExample,
                           ", or leave store.driver out"),
              said_by);
    }
    if (said_by == "store.url" && !text_.path.empty())
      Problem("store.path", "store.url is set too; set one of them", "store.url");
    for (const auto& [key, value] : PostgresFields()) {
      if (value->empty()) continue;
      if (said_by == "store.url" && IsPlace(key)) {
        Problem(key, "store.url is set too; set one of them", "store.url");
      } else {
        Problem(key,
                absl::StrCat("is PostgreSQL's, and ", said_by, " is SQLite's; set one of them"),
                said_by);
      }
    }
    if (!text_.replica_url.empty()) {
      Problem("store.replica_url",
              absl::StrCat("the store is SQLite, which has no replicas; leave it out, or move to "
                           "PostgreSQL: ",
                           kPostgresExample));
    }
    if (!text_.listen_url.empty()) {
      Problem("store.listen_url",
              absl::StrCat("the store is SQLite, which has no poolers; leave it out, or move to "
                           "PostgreSQL: ",
                           kPostgresExample));
    }
    if (text_.allow_fsync_off) {
      Problem("store.allow_fsync_off",
              "the store is SQLite, which always flushes what it acknowledges; leave it out");
    }
    if (text_.instances > 1) {
      Problem("instances",
              absl::StrCat("is ", text_.instances,
                           ", and the store is SQLite, which one instance owns; set instances = 1, "
                           "or move to PostgreSQL: ",
                           kPostgresExample));
    }
    if (text_.production) {
      Warning("environment",
              absl::StrCat("\"production\" on SQLite, which is one instance with one writer; move "
                           "to PostgreSQL (",
                           kPostgresExample, ") beyond any of: ", kThresholds));
    }
  }

  bool IsPlace(absl::string_view key) const {
    const auto fields = PlaceFields();
    return std::any_of(fields.begin(), fields.end(),
                       [&](const auto& field) { return field.first == key; });
  }

  void ParsePostgres(Given given) {
    PostgresSettings settings;
    if (given == Given::kUrl) {
      for (const auto& [key, value] : PlaceFields()) {
        if (!value->empty()) Problem(key, "store.url is set too; set one of them", "store.url");
      }
      if (!text_.path.empty()) {
        Problem("store.path", "is SQLite's, and store.url is PostgreSQL's; set one of them",
                "store.url");
      }
      settings.primary = ParseTarget("store.url", text_.url).value_or(PostgresTarget{});
    } else {
      settings.primary = TargetOfFields();
    }
    if (text_.driver == "sqlite") {
      Problem("store.driver",
              absl::StrCat("is \"sqlite\", and ",
                           given == Given::kUrl ? "store.url is" : "the fields of store are",
                           " PostgreSQL's; set store.driver = \"postgres\", or a url of SQLite's"),
              given == Given::kUrl ? "store.url" : "");
    }
    CheckWritable(settings.primary, "store.url");
    ParsePassword(&settings);
    if (!text_.replica_url.empty())
      settings.replica = ParseTarget("store.replica_url", text_.replica_url);
    if (!text_.listen_url.empty()) {
      settings.listen = ParseTarget("store.listen_url", text_.listen_url);
      if (settings.listen.has_value()) CheckWritable(*settings.listen, "store.listen_url");
    }
    parsed_.settings.backend = std::move(settings);
  }

  // Warns of a password in it.
  std::optional<PostgresTarget> ParseTarget(absl::string_view key, const std::string& url) {
    absl::StatusOr<PostgresTarget> target = ParsePostgresUrl(url);
    if (!target.ok()) {
      Problem(key,
              absl::StrCat("\"", RedactedUrl(url), "\" ", std::string(target.status().message())));
      return std::nullopt;
    }
    if (!target->password.empty()) {
      Warning(
          key,
          "the password in it is seen by whoever sees the url; put it into a file and name that "
          "in store.password_file");
    }
    return *std::move(target);
  }

  PostgresTarget TargetOfFields() {
    PostgresTarget target;
    const auto need = [&](absl::string_view key, const std::string& value, absl::string_view what) {
      if (value.empty())
        Problem(key, absl::StrCat("is missing, and the store is PostgreSQL; set it to ", what));
    };
    need("store.host", text_.host,
         "the server's name or address, or to the directory of its Unix socket");
    need("store.user", text_.user, "the role to connect as");
    need("store.dbname", text_.dbname, "the database");
    if (absl::StrContains(text_.host, "://")) {
      Problem("store.host", absl::StrCat("\"", RedactedUrl(text_.host),
                                         "\" is a url; it belongs into store.url"));
    } else if (absl::StrContains(text_.host, '@')) {
      Problem("store.host", absl::StrCat("\"", RedactedUrl(text_.host),
                                         "\" is no host's name; the role belongs into store.user"));
    }
    for (const auto& [key, value] : PlaceFields()) {
      if (!value->empty()) target.parameters[key.substr(key.find('.') + 1)] = *value;
    }
    return target;
  }

  void CheckWritable(const PostgresTarget& target, absl::string_view key) {
    const std::string attributes = target.Get("target_session_attrs");
    if (attributes == "read-only" || attributes == "standby" || attributes == "prefer-standby") {
      Problem(key, absl::StrCat("has target_session_attrs=", attributes,
                                ", and the store writes there; set it to read-write"));
    }
  }

  void ParsePassword(PostgresSettings* settings) {
    settings->password_file = text_.password_file;
    const bool in_url = !settings->primary.password.empty();
    if (in_url && !text_.password_file.empty()) {
      Problem("store.password_file", "store.url holds a password too; leave one of them out",
              "store.url");
    }
    if (!text_.password.empty() && (in_url || !text_.password_file.empty())) {
      const std::string other = in_url ? "store.url" : "store.password_file";
      Problem("store.password",
              absl::StrCat(other, in_url ? " holds a password" : " is set",
                           " too; leave one of them out"),
              other);
    }
    if (!in_url) settings->primary.password = text_.password;
  }

  const StoreText& text_;
  ParsedStore parsed_;
};

}  // namespace

absl::string_view MigrateName(Migrate migrate) {
  switch (migrate) {
    case Migrate::kAuto:
      return "auto";
    case Migrate::kRequire:
      return "require";
    case Migrate::kOff:
      return "off";
  }
  return "";
}

std::string StoreSettings::ToString() const {
  if (postgres() != nullptr) return postgres()->primary.ToString();
  return sqlite()->in_memory() ? kMemoryUrl : absl::StrCat("sqlite:///", sqlite()->directory);
}

ParsedStore ParseStore(const StoreText& text) { return StoreParser(text).Parse(); }

}  // namespace signalbox::options
