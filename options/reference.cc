#include "options/reference.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "options/table.h"

namespace signalbox::options {
namespace {

constexpr char kIntroduction[] = R"(# Configuration

`signalbox config reference` prints this page; it is generated from the table of options that the program itself reads.

Nothing needs to be configured: without a word said there is a SQLite store, plaintext listeners on loopback and a Unix
socket for administration.

## Where values come from

From the strongest to the weakest:

1. a flag: `--store.url URL`; `-` and `_` are the same in it
2. an environment variable: `SIGNALBOX_STORE_URL=URL`, or `SIGNALBOX_STORE_URL_FILE=PATH` for a file that holds the value
   (every option can be said so; setting both is an error)
3. the files `conf.d/*.toml` beside the file, in the order of their names, a later one over an earlier one
4. the file: `--config FILE`, or else `/etc/signalbox/signalbox.toml` for root and
   `${XDG_CONFIG_HOME:-~/.config}/signalbox/signalbox.toml` for others, which need not exist
5. the default

```toml
instances = 2
[store]
url = "postgres://signalbox@db.example/fleet?sslmode=verify-full"
password_file = "/etc/signalbox/password"
[log]
level = "warning"
```

To say `""` takes back what a weaker source says. Everything is checked before anything starts: an unknown key, a value of
another type and options that do not go together are errors, all told at once, each with its file, line and column.

| command | what it does |
|---|---|
| `signalbox config check` | says whether a daemon would start with this, and what is wrong otherwise |
| `signalbox config show --origin` | shows every value in effect and where it was said; no passwords |
| `signalbox config reference` | prints this page; with `-o json` the table for programs |

## Reloading

On SIGHUP the daemon reads everything again. Options with "live" in the column *takes effect* change at once; of others
the log says that they need a restart. When anything is wrong, nothing changes and the log says what and where.

## TLS for proxies

With `xds.tls.cert` and `xds.tls.key` proxies are served over TLS, and from beyond this machine; with `xds.tls.client_ca`
each must show a certificate that this authority has signed. The files are looked at every two seconds, and read at once on
SIGHUP: what is new in them concerns new connections, open ones go on. Of files that do not fit together the log says what is
wrong, and the certificate in use stays; so replace the key and the certificate in any order, each by a rename.

`signalbox bootstrap envoy --node-id edge-1 --xds xds.example:18000 --tls-ca ca.pem --tls-cert edge-1.pem --tls-key
edge-1.key` prints what an Envoy starts with then: it demands that the daemon's certificate is for the host of `--xds`. Envoy
reads these files when it starts.

## The store

Either a url or its parts one by one, never both:

| `store.url` | what it is |
|---|---|
| `sqlite:///data` | SQLite in the directory `data`, relative to where the daemon is started |
| `sqlite:////var/lib/signalbox/data` | SQLite in this directory: the fourth slash begins an absolute path |
| `sqlite::memory:` | nothing survives the end of the process; for tests and demos |
| `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full` | PostgreSQL, with libpq's parameters; `postgresql://` is the same. Several hosts stand with commas between them |

The parts are `store.path` for SQLite, and `store.host`, `store.port`, `store.user`, `store.dbname` and `store.sslmode` for
PostgreSQL. Its password comes from `store.password_file`, which must be closed to others (`chmod 0600`; in a Kubernetes
secret's volume `defaultMode: 0440`), or from the variable `SIGNALBOX_STORE_PASSWORD`. One in the url works too, with a
warning: urls are seen by more people than passwords should be. `@ : / ? # %` in it are written `%40 %3A %2F %3F %23 %25`.

SQLite is one directory that one instance owns: `instances` above 1, a `store.replica_url` or a `store.listen_url` refuse
to start on it. With `environment = "production"` it is warned of, with the figures beyond which PostgreSQL is due: more
than 500 jobs a minute, 10 GB of audit, 200 ms for a write at the 95th percentile, or 100 sessions.
)";

std::string TypeName(const Option& option) {
  switch (option.type) {
    case Type::kText:
      return "text";
    case Type::kBool:
      return "boolean";
    case Type::kInteger:
      return "integer";
    case Type::kDuration:
      return "duration";
    case Type::kChoice:
      return "choice";
    case Type::kListen:
      return "listener";
    case Type::kPath:
      return "path";
    case Type::kUrl:
      return "url";
    case Type::kSecret:
      return "secret";
  }
  return "";
}

// What its type takes, for people.
std::string Takes(const Option& option) {
  switch (option.type) {
    case Type::kText:
      return "text";
    case Type::kBool:
      return "`true` or `false`";
    case Type::kInteger:
      return absl::StrCat("a number from ", option.least, " to ", option.most);
    case Type::kDuration:
      return "a duration: `500ms`, `30s`, `15m`";
    case Type::kChoice:
      return absl::StrCat("`", absl::StrJoin(option.choices, "`, `"), "`");
    case Type::kListen:
      return "`HOST:PORT`";
    case Type::kPath:
      return "a path";
    case Type::kUrl:
      return "a url; a password in it is never shown";
    case Type::kSecret:
      return "a secret, from the environment only; never shown";
  }
  return "";
}

absl::string_view TakesEffect(const Option& option) {
  return option.reload == Reload::kLive ? "live" : "restart";
}

// The TOML table that the option stands in: "xds.ordering", "" for those at the top.
std::string SectionOf(const Option& option) {
  const size_t dot = option.key.rfind('.');
  return dot == std::string::npos ? "" : option.key.substr(0, dot);
}

}  // namespace

std::string ReferencePage() {
  std::string page = absl::StrCat(kIntroduction, "\n## Options\n");
  std::string section = "none";
  for (const Option& option : Table()) {
    if (SectionOf(option) != section) {
      section = SectionOf(option);
      absl::StrAppend(
          &page, "\n",
          section.empty() ? "At the top of the file:" : absl::StrCat("`[", section, "]`"),
          "\n\n| key | takes | default | takes effect | what it is |\n|---|---|---|---|---|\n");
    }
    absl::StrAppend(&page, "| `", option.key, "` | ", Takes(option), " | ",
                    option.otherwise.empty() ? "" : absl::StrCat("`", option.otherwise, "`"), " | ",
                    TakesEffect(option), " | ", option.help, " |\n");
  }
  return page;
}

Json ReferenceData() {
  Json list = Json::Array();
  for (const Option& option : Table()) {
    Json entry = Json::Object({{"key", option.key},
                               {"type", TypeName(option)},
                               {"default", option.otherwise},
                               {"flag", absl::StrCat("--", FlagName(option))},
                               {"variable", EnvironmentName(option)},
                               {"restart", option.reload == Reload::kRestart},
                               {"help", option.help}});
    if (IsEnvironmentOnly(option)) entry.Set("flag", Json());
    if (option.type == Type::kInteger) {
      entry.Set("least", option.least);
      entry.Set("most", option.most);
    }
    if (option.type == Type::kChoice) {
      Json choices = Json::Array();
      for (const std::string& choice : option.choices) choices.Append(choice);
      entry.Set("choices", std::move(choices));
    }
    list.Append(std::move(entry));
  }
  return list;
}

}  // namespace signalbox::options
