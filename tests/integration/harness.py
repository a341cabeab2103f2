"""Starts the daemon, proxies and servers for the end-to-end tests, and ends all of them.

A test is a function `test_...(t)` of a module in areas/; its docstring is its name, `t` a Test. It fails by raising
Failure (through `expect` and `wait_for`). No sleeps: conditions are waited for, with a bound. Nothing but loopback.
"""
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import wire

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ENVOY_VERSION = "1.40.0"
OLD_ENVOY_VERSION = "1.36.2"  # tools/setup --long has it
GRPCIO_VERSION = "1.85.1"
NODE_VERSION = "22.20.0"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

# Servers that are started again on the same port listen here: no client of 127.0.0.1 can be given the port meanwhile.
FIXED_ADDRESS = "127.0.0.2"


class Failure(Exception):
    """What a test expected and did not see."""


class Skipped(Exception):
    """What this machine cannot do, which the test needs; the text says what would make it possible."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


def wait_for(condition, what, seconds=10):
    """Asks `condition` until it is true and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("not within %g s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(0.01)


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def cached(*path):
    """Where tools/setup has put something."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    found = os.path.join(cache, "signalbox", *path)
    expect(os.path.exists(found), "%s is missing: run tools/setup" % found)
    return found


def cached_envoy(version):
    return cached("envoy-" + version, "envoy")


def cached_node_modules():
    with open(os.path.join(HERE, "node", "package-lock.json"), "rb") as f:
        return cached("node-modules-" + hashlib.sha256(f.read()).hexdigest()[:12], "node_modules")


def http(url, method="GET", seconds=5, body=None, headers=None):
    """(status, body) of a request."""
    request = urllib.request.Request(url, method=method, data=body and body.encode(), headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child process; its stderr (and stdout, unless piped) goes to a file of the test's folder."""

    def __init__(self, name, argv, folder, env=None, pipe=False):
        self.name = name
        self.log = os.path.join(folder, name + ".log")
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.PIPE if pipe else subprocess.DEVNULL, stdout=subprocess.PIPE if pipe else log,
                stderr=log, env=env, text=True, preexec_fn=_die_with_parent, cwd=folder)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=20):
        """The exit code; -N when signal N ended it."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s (pid %d) did not end within %g s" % (self.name, self.pid, seconds)) from None

    def kill(self):
        if self.alive():
            self.popen.kill()
            self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                # What is still buffered for a process that is gone cannot be delivered.
                with contextlib.suppress(OSError):
                    stream.close()


class Daemon:
    """`signalbox serve` with its state in one folder of the test; may be started again after it ended."""

    def __init__(self, test, name, arguments=(), url=None):
        self.test = test
        self.name = name
        self.url = url  # of the store; None: SQLite in `store`
        self.binary = test.binary
        self.folder = os.path.join(test.folder, name)
        os.makedirs(self.folder)
        self.socket = os.path.join(self.folder, "admin.sock")
        self.store = os.path.join(self.folder, "store")
        self.arguments = list(arguments)
        self.xds = "%s:%d" % (FIXED_ADDRESS, free_port(FIXED_ADDRESS))
        self.http = "%s:%d" % (FIXED_ADDRESS, free_port(FIXED_ADDRESS))
        self.config = os.path.join(self.folder, "signalbox.toml")
        with open(self.config, "w") as f:
            f.write("")
        self.process = None

    def store_flags(self):
        """What says where the store is, to `serve` and the db verbs."""
        if self.url is None:
            return ["--store.path", self.store]
        return ["--store.url", self.url, "--store.migrate", "auto", "--state_dir", os.path.join(self.folder, "state"),
                "--store.allow_fsync_off"]

    def command(self):
        return [self.binary, "serve", "--config", self.config, *self.store_flags(),
                "--admin.socket", self.socket, "--xds.listen", self.xds, "--http.listen", self.http, *self.arguments]

    def start(self):
        """Starts it and waits until it serves."""
        self.process = self.test.spawn(self.name, self.command(), env=self.test.environment())
        wait_for(self._ready, lambda: "the daemon is ready; its log ends:\n" + self.process.output()[-2000:], 20)
        return self

    def _ready(self):
        expect(self.process.alive(), "the daemon ended: " + self.process.output()[-2000:])
        try:
            return http("http://%s/readyz" % self.http)[0] == 200 and os.path.exists(self.socket)
        except OSError:
            return False

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit code."""
        self.process.signal(number)
        return self.process.wait()

    def metrics(self):
        """Metric name with labels -> value."""
        values = {}
        for line in http("http://%s/metrics" % self.http)[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def cli(self, *arguments, stdin=None, expected=0):
        """Runs a client verb against this daemon; fails unless it exits with `expected` (None: any)."""
        return self.test.cli("--server", "unix:" + self.socket, *arguments, stdin=stdin, expected=expected)

    def apply(self, *resources):
        return self.cli("apply", "-f", "-", stdin=manifests(*resources))

    def apply_once(self, resources, removals):
        """One revision that brings `resources` and removes `removals`, "KIND/NAME"."""
        request = {"resources": resources, "removals": [dict(zip(("kind", "name"), key.split("/", 1))) for key in removals]}
        done = subprocess.run([self.test.tool("applier"), "once", self.socket], input=json.dumps(request), text=True,
                              capture_output=True, timeout=30)
        expect(done.returncode == 0, "the change was refused: " + done.stderr)

    def nodes(self):
        """Node id -> what `nodes` says of it."""
        answer = json.loads(self.cli("nodes", "-o", "json").stdout)
        return {node["id"]: node for node in answer["data"]}

    def revision(self):
        return int(json.loads(self.cli("status", "-o", "json").stdout)["data"].get("head", {}).get("revision", 0))


class Postgres:
    """A PostgreSQL of the test's own, reached through a Unix socket; ends with the test."""

    PROGRAMS = "/usr/lib/postgresql/15/bin"
    NOBODY = 65534

    def __init__(self, test, fsync=False, follow=None):
        """With `follow`, another one, it is its synchronous standby."""
        self.test = test
        self.fsync = "on" if fsync else "off"
        self.folder = tempfile.mkdtemp(prefix="sb-pg.")
        test.folders.append(self.folder)
        self.data = os.path.join(self.folder, "data")
        if os.geteuid() == 0:
            os.chown(self.folder, self.NOBODY, self.NOBODY)
        if follow is not None:
            self.follow(follow)
            return
        self._run("initdb", "--no-sync", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "-E", "UTF8", "-A",
                  "trust", "-U", "signalbox", "-D", self.data)
        self.start()
        self.query("CREATE DATABASE fleet", "postgres")

    def follow(self, primary):
        """Starts it anew as a standby, for which the primary's commits wait from then on."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._run("pg_basebackup", "--no-sync", "--checkpoint=fast", "-h", primary.folder, "-U", "signalbox", "-D", self.data)
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as f:
            f.write("primary_conninfo = 'host=%s user=signalbox application_name=standby'\n" % primary.folder)
        open(os.path.join(self.data, "standby.signal"), "w").close()
        self.start()
        primary.query("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'")
        primary.query("SELECT pg_reload_conf()")
        followed = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"
        wait_for(lambda: primary.query(followed) == ["1"], "the standby is synchronous", 30)

    def promote(self):
        self.query("SELECT pg_promote()")

    @property
    def url(self):
        return self.url_of("fleet")

    def url_of(self, database):
        return "postgresql://signalbox@/%s?host=%s" % (database, self.folder)

    def copy(self, database, to):
        """Makes a copy of a database, whose sessions are ended for it."""
        self._close(database)
        self.query("CREATE DATABASE %s TEMPLATE %s" % (to, database), "postgres")
        self.query("ALTER DATABASE %s ALLOW_CONNECTIONS true" % database, "postgres")

    def rename(self, database, to):
        """Gives a database another name, under the feet of whoever uses it."""
        self._close(database)
        self.query("ALTER DATABASE %s RENAME TO %s" % (database, to), "postgres")
        self.query("ALTER DATABASE %s ALLOW_CONNECTIONS true" % to, "postgres")

    def _close(self, database):
        self.query("ALTER DATABASE %s ALLOW_CONNECTIONS false" % database, "postgres")
        self.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '%s'" % database,
                   "postgres")

    def start(self):
        """Starts it and waits until it answers."""
        self.process = None
        wait_for(self._answers, lambda: "PostgreSQL answers; its log ends:\n" + self.process.output()[-2000:], 30)

    def _answers(self):
        # After kill -9 its old sessions hold the data for a moment: it is tried again.
        if self.process is None or not self.process.alive():
            self.process = self.test.spawn("postgres", self._command(
                "postgres", "-D", self.data, "-c", "listen_addresses=", "-c", "unix_socket_directories=" + self.folder,
                "-c", "fsync=" + self.fsync))
        ready = [os.path.join(self.PROGRAMS, "pg_isready"), "-q", "-h", self.folder]
        return subprocess.run(ready, cwd="/").returncode == 0

    def stop(self):
        """Ends it in order; its sessions are broken off."""
        self.process.signal(signal.SIGINT)
        self.process.wait()

    def query(self, sql, database="fleet"):
        """The lines of the answer, columns separated by "|"."""
        result = subprocess.run(
            [os.path.join(self.PROGRAMS, "psql"), "-h", self.folder, "-U", "signalbox", "-d", database, "-AtXq", "-c",
             sql], capture_output=True, text=True, cwd="/")
        expect(result.returncode == 0, "%s: %s" % (sql, result.stderr))
        return result.stdout.splitlines()

    def _run(self, *command):
        done = subprocess.run(self._command(*command), capture_output=True, text=True, cwd="/")
        expect(done.returncode == 0, "%s: %s" % (command[0], done.stderr))

    def _command(self, program, *arguments):
        path = os.path.join(self.PROGRAMS, program)
        expect(os.path.exists(path), "%s is missing: run tools/setup" % path)
        as_nobody = ["setpriv", "--reuid=%d" % self.NOBODY, "--regid=%d" % self.NOBODY, "--clear-groups"]
        return [*(as_nobody if os.geteuid() == 0 else []), path, *arguments]


class Envoy:
    """A real Envoy on ADS, or with a bootstrap of the test's."""

    def __init__(self, test, daemon, variant, node_id, more="", bootstrap_text=None,
                 drain=("--drain-time-s", "600")):
        """`more` is added to the bootstrap: YAML."""
        self.test = test
        self.node_id = node_id
        bootstrap = os.path.join(test.folder, node_id + ".yaml")
        with open(bootstrap, "w") as f:
            f.write(bootstrap_text or test.cli("bootstrap", "envoy", "--node-id", node_id, "--xds", daemon.xds,
                                               "--" + variant, "--plaintext").stdout + more)
        address = os.path.join(test.folder, node_id + ".admin")
        self.process = test.spawn(node_id, [
            cached_envoy(test.envoy_version), "-c", bootstrap, "--admin-address-path", address, "--concurrency", "1",
            "--disable-hot-restart", *drain])
        wait_for(lambda: os.path.exists(address) and os.path.getsize(address) > 0,
                 lambda: "Envoy's admin port is there: " + self.process.output()[-2000:], 20)
        with open(address) as f:
            self.admin = f.read().strip()

    def stats(self, pattern):
        """Statistic -> value, of those that match a regular expression."""
        answer = json.loads(http("http://%s/stats?format=json&filter=%s" % (self.admin, pattern))[1])
        return {stat["name"]: stat["value"] for stat in answer["stats"] if "name" in stat}

    def clusters(self):
        """The names of the clusters that came from the server, sorted."""
        dump = json.loads(http("http://%s/config_dump?resource=dynamic_active_clusters" % self.admin)[1])
        return sorted(config["cluster"]["name"] for config in dump.get("configs", []))

    def listeners(self):
        """The names of the listeners that accept connections, sorted."""
        answer = json.loads(http("http://%s/listeners?format=json" % self.admin)[1])
        return sorted(status["name"] for status in answer.get("listener_statuses", []))


class Traffic:
    """A steady stream of requests and what each must be answered by: HTTP requests to one port."""

    def __init__(self, test, name, port, rate, allowed, connections=2):
        self._start(test, name, rate, allowed, [
            "python3", os.path.join(HERE, "generator.py"), str(port), str(rate), str(connections)])

    def _start(self, test, name, rate, allowed, command, env=None):
        self.name = name
        self.rate = rate
        self.results = []  # (start, end, answer), appended by the reader
        self.told = queue.Queue()  # what else it says
        self.process = test.spawn("traffic-" + name, command, env, pipe=True)
        self.phases = [(time.monotonic(), frozenset(allowed))]
        self.ended = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.popen.stdout:
            if line.startswith("config "):
                self.told.put(line.split()[1:])
                continue
            start, end, answer = line.rstrip("\n").split(" ", 2)
            self.results.append((float(start), float(end), answer))

    def expect_from_now(self, *answers):
        self.phases.append((time.monotonic(), frozenset(answers)))

    def wait_until(self, answer, seconds=15):
        """Until 30 requests in a row were answered so; from then on nothing else may be."""
        since = time.monotonic()

        def settled():
            recent = [a for start, _, a in self.results[-200:] if start >= since][-30:]
            return len(recent) == 30 and set(recent) == {answer}
        wait_for(settled, lambda: "%s: 30 answers \"%s\" in a row; the last: %s" % (
            self.name, answer, [a for _, _, a in self.results[-10:]]), seconds)
        self.expect_from_now(answer)

    def change(self, action, before, after):
        """Does `action`, which moves the traffic from one answer to another, and waits until it has moved."""
        self.expect_from_now(before, after)
        action()
        self.wait_until(after)

    def wait_for_requests(self, count, seconds=60):
        """Until that many more were answered."""
        goal = len(self.results) + count
        wait_for(lambda: len(self.results) >= goal, "%s: %d more requests" % (self.name, count), seconds)

    def stop(self):
        """Ends the requests and fails unless each was answered by what was expected then."""
        self.ended = time.monotonic()
        self.process.popen.stdin.close()
        self.process.wait()
        self._reader.join(10)
        wrong = collections.Counter()
        first = None
        for start, end, answer in self.results:
            allowed = set()
            for i, (since, answers) in enumerate(self.phases):
                until = self.phases[i + 1][0] if i + 1 < len(self.phases) else float("inf")
                if since <= end and start <= until:
                    allowed |= answers
            if answer not in allowed and not (answer.startswith("failed:") and "failed" in allowed):
                wrong[answer] += 1
                first = first or (start - self.phases[0][0], answer, sorted(allowed))
        expect(not wrong, "%s: %d of %d requests were answered wrongly: %s; the first %s" % (
            self.name, sum(wrong.values()), len(self.results), dict(wrong), first))
        seconds = self.ended - self.phases[0][0]
        return len(self.results), len(self.results) / seconds


class Caller(Traffic):
    """A steady stream of calls through a gRPC library's own xDS client: "python", "c++" or "node"."""

    def __init__(self, test, library, daemon, target, rate, allowed, features=(), variables=None):
        """`variables` are added to its environment."""
        self.node_id = "grpc-" + library
        env = {"python": lambda: {"PYTHONPATH": cached("grpcio-" + GRPCIO_VERSION)},
               "c++": dict,
               "node": lambda: {"NODE_PATH": cached_node_modules()}}[library]()
        program = {"python": lambda: ["python3", os.path.join(HERE, "caller.py")],
                   "c++": lambda: [test.tool("caller")],
                   "node": lambda: [cached("node-" + NODE_VERSION, "bin", "node"), os.path.join(HERE, "caller.js")]}
        bootstrap = grpc_bootstrap(test, daemon, self.node_id, features)
        self._start(test, library, rate, allowed, [*program[library](), target, "/test.Who/Ask", str(rate)],
                    {**test.environment(), **env, **(variables or {}), "GRPC_XDS_BOOTSTRAP": bootstrap})

    def config(self):
        """(kind's type URL, name) -> the state of each resource that it asked for, as it would tell over CSDS."""
        self.process.popen.stdin.write("config\n")
        self.process.popen.stdin.flush()
        words = self.told.get(timeout=10)
        told = wire.fields(bytes.fromhex(words[0] if words else ""))
        # Of older libraries it is one client's configuration, of newer ones the list of them.
        clients = [told] if 3 in told else [wire.fields(client) for client in told.get(1, [])]
        states = {}
        for client in clients:
            for resource in client.get(3, []):
                found = wire.fields(resource)
                states[found[1][0].decode(), found[2][0].decode()] = CLIENT_STATES[found.get(7, [0])[0]]
        return states


# ClientResourceStatus of envoy.admin.v3.
CLIENT_STATES = ("UNKNOWN", "REQUESTED", "DOES_NOT_EXIST", "ACKED", "NACKED", "RECEIVED_ERROR", "TIMEOUT")


def grpc_bootstrap(test, daemon, node_id, features=(), **more):
    """The path of a bootstrap file for gRPC's libraries."""
    path = os.path.join(test.folder, node_id + ".json")
    with open(path, "w") as f:
        json.dump({"xds_servers": [{"server_uri": daemon.xds, "channel_creds": [{"type": "insecure"}],
                                    "server_features": ["xds_v3", *features]}],
                   # grpc-js wants a locality.
                   "node": {"id": node_id, "locality": {}}, **more}, f)
    return path


class Peer:
    """tests/integration/peer.cc, asked line by line."""

    def __init__(self, test, name="peer", env=None):
        environment = test.environment()
        environment.update(env or {})
        self.process = test.spawn(name, [test.tool("peer")], env=environment, pipe=True)

    def ask(self, *words):
        self.process.popen.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.popen.stdin.flush()
        answer = self.process.popen.stdout.readline().rstrip("\n")
        expect(answer, "the peer ended: " + self.process.output()[-2000:])
        return answer


class Test:
    """What one test works with: a folder of its own, and everything that it started."""

    def __init__(self, binary, long, seed, envoy_version=ENVOY_VERSION):
        self.binary = binary
        self.envoy_version = envoy_version
        self.long = long
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="signalbox-test.")
        self.processes = []
        self.folders = [self.folder]  # removed at the end
        self.disks = []  # unmounted at the end
        self.figures = []  # what it measured, for its line

    def tool(self, name):
        """A binary of tests/integration, beside the daemon's in Bazel's output folder."""
        return os.path.join(os.path.dirname(self.binary), "../../tests/integration", name)

    def environment(self):
        """The environment without what would change the program's defaults."""
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("SIGNALBOX_", "XDG_", "GRPC_")) and key != "STATE_DIRECTORY"
                and not key.lower().endswith("_proxy")}
        kept["HOME"] = self.folder
        return kept

    def spawn(self, name, argv, env=None, pipe=False):
        process = Process(name, argv, self.folder, env or self.environment(), pipe)
        self.processes.append(process)
        return process

    def cli(self, *arguments, stdin=None, expected=0, seconds=30, variables=None):
        """Runs a verb, with these variables beside the environment; fails unless it exits with `expected` (None: any)."""
        try:
            result = subprocess.run([self.binary, *arguments], input=stdin, capture_output=True, text=True,
                                    env={**self.environment(), **(variables or {})}, cwd=self.folder,
                                    timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure("signalbox %s did not end within %g s" % (" ".join(arguments), seconds)) from None
        expect(expected is None or result.returncode == expected, "signalbox %s exited with %d, not %s:\n%s%s" % (
            " ".join(arguments), result.returncode, expected, result.stdout[-2000:], result.stderr[-2000:]))
        return result

    def daemon(self, name="daemon", arguments=(), url=None):
        return Daemon(self, name, arguments, url).start()

    def upstreams(self, *names):
        """Name -> port of HTTP servers that answer with their names."""
        process = self.spawn("upstreams", ["python3", os.path.join(HERE, "upstream.py"), *names], pipe=True)
        return json.loads(process.popen.stdout.readline())

    def logs(self):
        """The ends of what the processes wrote, for a failure's report."""
        text = ""
        for process in {p.log: p for p in self.processes}.values():
            tail = process.output()[-3000:]
            ended = "" if process.alive() else ", which ended with %s" % process.popen.returncode
            if tail or ended:
                text += "--- %s%s\n%s\n" % (process.name, ended, tail)
        return text

    def close(self, keep):
        for process in reversed(self.processes):
            process.kill()
        for disk in self.disks:
            disk.unmount()
        if not keep:
            for folder in self.folders:
                shutil.rmtree(folder, ignore_errors=True)


def manifests(*resources):
    """Several resources as one stream of JSON documents for `apply -f -`."""
    return "".join("---\n%s\n" % json.dumps(resource) for resource in resources)


ADS = {"ads": {}, "resource_api_version": "V3"}
TYPE = "type.googleapis.com/envoy.extensions.filters."


def listener(name, port, route, stat_prefix="ingress"):
    return {"kind": "listener", "name": name, "spec": {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": stat_prefix,
                "rds": {"route_config_name": route, "config_source": ADS},
                "http_filters": [{"name": "envoy.filters.http.router",
                                  "typed_config": {"@type": TYPE + "http.router.v3.Router"}}]}}]}]}}


def route(name, cluster, prefix="/"):
    return {"kind": "route", "name": name, "spec": {"virtual_hosts": [
        {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": prefix}, "route": {"cluster": cluster}}]}]}}


def cluster(name, connect_timeout="1s"):
    return {"kind": "cluster", "name": name, "spec": {
        "type": "EDS", "connect_timeout": connect_timeout, "eds_cluster_config": {"eds_config": ADS}}}


def endpoints(name, *ports):
    return {"kind": "endpoints", "name": name, "spec": {"endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports]}] if ports else []}}
