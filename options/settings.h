#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "options/options.h"
#include "options/problem.h"
#include "options/store_settings.h"
#include "options/table.h"

namespace signalbox::options {

// Every option's value, typed, with what follows from others filled in. A plain value.
struct Settings {
  // Works them out and checks them against each other. Touches no file.
  //   kInvalidArgument  options.problems(), or something does not fit; one line for each thing,
  //                     which begins with where it was said
  static absl::StatusOr<Settings> Resolve(const Options& options, const Sources& sources);

  std::string environment;
  int instances = 1;
  // The daemon's own files; "" when the store is in memory and nothing else was said.
  std::string state_dir;
  StoreSettings store;
  // Seals secrets; "" when there is no state_dir and nothing was said.
  std::string key_file;

  std::string xds_listen;
  bool xds_insecure = false;
  // Files in PEM form; both "" for plaintext.
  std::string xds_tls_cert;
  std::string xds_tls_key;
  std::string xds_tls_client_ca;  // "": proxies need no certificate
  absl::Duration ack_deadline;
  absl::Duration overrun_after;
  absl::Duration warm_timeout;
  absl::Duration hold_max;
  absl::Duration max_stream_age;
  double stream_age_jitter = 0;  // a part of it, from 0 to 1
  absl::Duration removal_grace;
  absl::Duration removal_grace_opaque;
  absl::Duration listener_drain;
  absl::Duration load_interval;

  // The Unix socket's path. Unless given: /run/signalbox/admin.sock for root, else
  // $XDG_RUNTIME_DIR/signalbox/admin.sock, else admin.sock in the directory where state is kept.
  std::string admin_socket;

  std::string http_listen;
  bool http_insecure = false;

  // What is done about a change that leaves something without what it names.
  enum class DanglingReferences { kRefuse, kWarn };
  DanglingReferences references = DanglingReferences::kRefuse;

  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kAuto;

  // What is valid, and yet a person should know.
  std::vector<Problem> warnings;
};

// The value that is in effect, as text, for people: what was worked out where nothing was said;
// without passwords.
std::string Shown(const Option& option, const Options& options, const Settings& settings);

}  // namespace signalbox::options
