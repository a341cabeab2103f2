#include "cli/server_target.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/listen_address.h"
#include "base/status_macros.h"
#include "cli/option_flags.h"

namespace signalbox::cli {
namespace {

constexpr char kSystemSocket[] = "/run/signalbox/admin.sock";

}  // namespace

absl::StatusOr<std::string> ServerTarget(const Context& context) {
  if (!context.server.empty()) {
    if (absl::StartsWith(context.server, "unix:") && context.server.size() > 5)
      return context.server;
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(context.server);
    if (address.ok() && address->port != 0) return address->ToString();
    return absl::InvalidArgumentError(
        absl::StrCat("--server \"", context.server, "\" is neither unix:PATH nor HOST:PORT"));
  }
  SB_ASSIGN_OR_RETURN(const LoadedOptions loaded, LoadOptions(context, Arguments()));
  const std::string& socket = loaded.settings.admin_socket;
  const bool elsewhere = !loaded.options.IsSet("admin.socket") &&
                         ::access(socket.c_str(), F_OK) != 0 && ::access(kSystemSocket, F_OK) == 0;
  return absl::StrCat("unix:", elsewhere ? kSystemSocket : socket);
}

}  // namespace signalbox::cli
