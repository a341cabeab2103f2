#include "options/postgres_target.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "base/suggest.h"

namespace signalbox::options {
namespace {

constexpr char kForm[] = "postgres://USER@HOST:PORT/DATABASE";
constexpr char kDefaultPort[] = "5432";

enum class Kind { kText, kNumber, kSwitch, kChoice };

// A keyword of libpq's connection strings and what it takes.
struct Keyword {
  std::string name;
  Kind kind = Kind::kText;
  std::vector<std::string> choices = {};
};

// Those of libpq 15, less "replication", "service" and "client_encoding", which are not the user's:
// the store says the encoding itself, and a service file would hide where the store is.
const std::vector<Keyword>& Keywords() {
  static const auto* const kKeywords = new std::vector<Keyword>{
      {"host"},
      {"hostaddr"},
      {"port"},
      {"dbname"},
      {"user"},
      {"password"},
      {"passfile"},
      {"channel_binding", Kind::kChoice, {"disable", "prefer", "require"}},
      {"connect_timeout", Kind::kNumber},
      {"options"},
      {"application_name"},
      {"fallback_application_name"},
      {"keepalives", Kind::kSwitch},
      {"keepalives_idle", Kind::kNumber},
      {"keepalives_interval", Kind::kNumber},
      {"keepalives_count", Kind::kNumber},
      {"tcp_user_timeout", Kind::kNumber},
      {"sslmode",
       Kind::kChoice,
       {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
      {"sslcompression", Kind::kSwitch},
      {"sslcert"},
      {"sslkey"},
      {"sslpassword"},
      {"sslrootcert"},
      {"sslcrl"},
      {"sslcrldir"},
      {"sslsni", Kind::kSwitch},
      {"requirepeer"},
      {"ssl_min_protocol_version", Kind::kChoice, {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}},
      {"ssl_max_protocol_version", Kind::kChoice, {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}},
      {"gssencmode", Kind::kChoice, {"disable", "prefer", "require"}},
      {"krbsrvname"},
      {"gsslib"},
      {"target_session_attrs",
       Kind::kChoice,
       {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}},
  };
  return *kKeywords;
}

const Keyword* FindKeyword(absl::string_view name) {
  for (const Keyword& keyword : Keywords()) {
    if (keyword.name == name) return &keyword;
  }
  return nullptr;
}

absl::Status Wrong(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(text, "; the form is ", kForm));
}

absl::Status NotEncoded() {
  return absl::InvalidArgumentError(
      "is not understood: in a user's name and a password write \"@\" as %40, \":\" as %3A, \"/\" "
      "as %2F, \"?\" as %3F, \"#\" as %23 and \"%\" as %25");
}

std::optional<std::string> Decoded(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2])) {
      return std::nullopt;
    }
    const std::string byte = absl::HexStringToBytes(text.substr(i + 1, 2));
    if (byte[0] == '\0') return std::nullopt;
    decoded += byte;
    i += 2;
  }
  return decoded;
}

absl::Status CheckPort(absl::string_view text) {
  int64_t port;
  if (absl::SimpleAtoi(text, &port) && 1 <= port && port <= 65535) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("has the port \"", text, "\"; a port is a number from 1 to 65535"));
}

absl::Status CheckValue(const Keyword& keyword, const std::string& value) {
  const std::string has = absl::StrCat("has ", keyword.name, "=", value, "; it ");
  switch (keyword.kind) {
    case Kind::kText:
      return absl::OkStatus();
    case Kind::kNumber: {
      int64_t number;
      if (absl::SimpleAtoi(value, &number) && 0 <= number && number <= INT32_MAX)
        return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat(has, "must be a whole number"));
    }
    case Kind::kSwitch:
      if (value == "0" || value == "1") return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat(has, "must be 0 or 1"));
    case Kind::kChoice:
      if (std::find(keyword.choices.begin(), keyword.choices.end(), value) !=
          keyword.choices.end()) {
        return absl::OkStatus();
      }
      return absl::InvalidArgumentError(absl::StrCat(has, "must be one of ",
                                                     absl::StrJoin(keyword.choices, ", "),
                                                     DidYouMean(value, keyword.choices)));
  }
  return absl::OkStatus();
}

// The parts of a url, one function for each.
class UrlReader {
 public:
  absl::StatusOr<PostgresTarget> Read(absl::string_view url) && {
    url.remove_prefix(url.find("://") + 3);
    const size_t end = std::min(url.find_first_of("/?"), url.size());
    const absl::Status authority = ReadAuthority(url.substr(0, end));
    // A "/" or "?" of a password ends the hosts too early, and a text would show a part of it.
    if (!authority.ok() && absl::StrContains(url.substr(end), '@')) return NotEncoded();
    SB_RETURN_IF_ERROR(authority);
    url.remove_prefix(end);
    const size_t question = std::min(url.find('?'), url.size());
    if (absl::ConsumePrefix(&url, "/")) {
      SB_RETURN_IF_ERROR(ReadDatabase(url.substr(0, question - 1)));
      url.remove_prefix(question - 1);
    }
    if (absl::ConsumePrefix(&url, "?")) SB_RETURN_IF_ERROR(ReadParameters(url));
    if (target_.Get("dbname").empty()) return Wrong("names no database");
    SB_RETURN_IF_ERROR(CheckPostgresParameters(target_));
    return std::move(target_);
  }

 private:
  absl::Status Set(const std::string& keyword, std::string value) {
    const bool is_password = keyword == "password";
    if (is_password ? !target_.password.empty() : target_.parameters.contains(keyword))
      return absl::InvalidArgumentError(absl::StrCat("says ", keyword, " twice; say it once"));
    (is_password ? target_.password : target_.parameters[keyword]) = std::move(value);
    return absl::OkStatus();
  }

  absl::Status ReadAuthority(absl::string_view authority) {
    const size_t at = authority.rfind('@');
    if (at != absl::string_view::npos) {
      SB_RETURN_IF_ERROR(ReadUser(authority.substr(0, at)));
      authority.remove_prefix(at + 1);
    }
    if (authority.empty()) return absl::OkStatus();
    std::vector<std::string> hosts, ports;
    bool has_port = false;
    for (absl::string_view host : absl::StrSplit(authority, ',')) {
      std::string port = kDefaultPort;
      const size_t bracket = host.rfind(']');
      const size_t colon = host.rfind(':');
      if (colon != absl::string_view::npos &&
          (bracket == absl::string_view::npos || colon > bracket)) {
        port = std::string(host.substr(colon + 1));
        SB_RETURN_IF_ERROR(CheckPort(port));
        host = host.substr(0, colon);
        has_port = true;
      }
      if (absl::ConsumePrefix(&host, "[")) {
        if (!absl::ConsumeSuffix(&host, "]"))
          return Wrong("has an IPv6 address without its closing bracket");
      } else if (absl::StrContains(host, ':')) {
        return Wrong("has several colons in a host; an IPv6 address stands in brackets");
      }
      std::optional<std::string> name = Decoded(host);
      if (!name.has_value()) return NotEncoded();
      if (name->empty()) return Wrong("names no host where it should");
      hosts.push_back(*std::move(name));
      ports.push_back(std::move(port));
    }
    SB_RETURN_IF_ERROR(Set("host", absl::StrJoin(hosts, ",")));
    return has_port ? Set("port", absl::StrJoin(ports, ",")) : absl::OkStatus();
  }

  absl::Status ReadUser(absl::string_view text) {
    if (absl::StrContains(text, '@')) return NotEncoded();
    const size_t colon = text.find(':');
    std::optional<std::string> user = Decoded(text.substr(0, colon));
    if (!user.has_value()) return NotEncoded();
    if (!user->empty()) SB_RETURN_IF_ERROR(Set("user", *std::move(user)));
    if (colon == absl::string_view::npos) return absl::OkStatus();
    std::optional<std::string> password = Decoded(text.substr(colon + 1));
    if (!password.has_value()) return NotEncoded();
    target_.password = *std::move(password);
    return absl::OkStatus();
  }

  absl::Status ReadDatabase(absl::string_view text) {
    if (text.empty()) return absl::OkStatus();
    std::optional<std::string> name = Decoded(text);
    if (!name.has_value() || absl::StrContains(text, '/')) {
      return Wrong("has a database whose name is not understood");
    }
    return Set("dbname", *std::move(name));
  }

  absl::Status ReadParameters(absl::string_view text) {
    std::vector<std::string> names;
    for (const Keyword& keyword : Keywords()) names.push_back(keyword.name);
    for (const absl::string_view pair : absl::StrSplit(text, '&')) {
      const size_t equals = pair.find('=');
      const std::optional<std::string> name = Decoded(pair.substr(0, equals));
      if (equals == absl::string_view::npos || !name.has_value() || name->empty()) {
        return absl::InvalidArgumentError(
            "has a parameter that is not KEYWORD=VALUE; they stand after \"?\", with \"&\" between "
            "them");
      }
      std::optional<std::string> value = Decoded(pair.substr(equals + 1));
      if (!value.has_value()) {
        return absl::InvalidArgumentError(
            absl::StrCat("has a value of ", *name, " that is not understood; write \"%\" as %25"));
      }
      if (*name == "ssl" && *value == "true") {  // as libpq does, for those who come from JDBC
        SB_RETURN_IF_ERROR(Set("sslmode", "require"));
      } else if (FindKeyword(*name) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(
            "has the parameter \"", *name, "\", which is not taken", DidYouMean(*name, names)));
      } else {
        SB_RETURN_IF_ERROR(Set(*name, *std::move(value)));
      }
    }
    return absl::OkStatus();
  }

  PostgresTarget target_;
};

}  // namespace

std::string PostgresTarget::Get(absl::string_view keyword) const {
  const auto it = parameters.find(std::string(keyword));
  return it == parameters.end() ? "" : it->second;
}

std::string PostgresTarget::ToString() const {
  const std::string user = Get("user");
  std::vector<std::string> hosts = absl::StrSplit(Get("host"), ',');
  const std::vector<std::string> ports = absl::StrSplit(Get("port"), ',');
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (absl::StrContains(hosts[i], ':')) hosts[i] = absl::StrCat("[", hosts[i], "]");
    const std::string& port = i < ports.size() ? ports[i] : ports[0];
    if (!port.empty()) absl::StrAppend(&hosts[i], ":", port);
  }
  return absl::StrCat("postgres://", user, user.empty() ? "" : "@", absl::StrJoin(hosts, ","), "/",
                      Get("dbname"));
}

bool IsPostgresUrl(absl::string_view url) {
  return absl::StartsWith(url, "postgres://") || absl::StartsWith(url, "postgresql://");
}

absl::StatusOr<PostgresTarget> ParsePostgresUrl(absl::string_view url) {
  if (!IsPostgresUrl(url)) return Wrong("is not PostgreSQL's");
  return UrlReader().Read(url);
}

absl::Status CheckPostgresParameters(const PostgresTarget& target) {
  for (const auto& [name, value] : target.parameters) {
    const Keyword* const keyword = FindKeyword(name);
    if (keyword != nullptr) SB_RETURN_IF_ERROR(CheckValue(*keyword, value));
  }
  if (target.Get("port").empty()) return absl::OkStatus();
  const std::vector<std::string> ports = absl::StrSplit(target.Get("port"), ',');
  for (const std::string& port : ports) SB_RETURN_IF_ERROR(CheckPort(port));
  const std::string hosts = target.Get(target.Get("hostaddr").empty() ? "host" : "hostaddr");
  const size_t count = static_cast<size_t>(std::count(hosts.begin(), hosts.end(), ',')) + 1;
  if (ports.size() != 1 && ports.size() != count) {
    return absl::InvalidArgumentError(absl::StrCat("has ", ports.size(), " ports for ", count,
                                                   " hosts; say one for each, or one for all"));
  }
  return absl::OkStatus();
}

std::string PostgresConnectionString(const PostgresTarget& target) {
  std::map<std::string, std::string> all = target.parameters;
  if (!target.password.empty()) all["password"] = target.password;
  return absl::StrJoin(all, " ", [](std::string* out, const auto& pair) {
    absl::StrAppend(out, pair.first, "='");
    for (const char c : pair.second) {
      if (c == '\'' || c == '\\') out->push_back('\\');
      out->push_back(c);
    }
    out->push_back('\'');
  });
}

}  // namespace signalbox::options
