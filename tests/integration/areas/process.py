"""The daemon as a process: its start, its end, its files and its listeners."""
import json
import os
import signal
import stat

from harness import Daemon, Peer, cluster, expect, http, manifests, wait_for


def test_clean_end(t):
    """SIGTERM and SIGINT end it cleanly, and the next start has everything"""
    daemon = t.daemon()
    daemon.apply(cluster("kept"))
    for number in (signal.SIGTERM, signal.SIGINT):
        expect(daemon.stop(number) == 0, "ended with %d on signal %d" % (daemon.process.wait(), number))
        expect(not os.path.exists(daemon.socket), "the admin socket is left behind")
        daemon.start()
        expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/kept\n", "the resource is gone")


def test_second_instance(t):
    """a second instance on the same directory is refused with the pid that holds it"""
    daemon = t.daemon()
    second = Daemon(t, "second")
    second.store = daemon.store
    result = t.cli(*second.command()[1:], expected=None)
    expect(result.returncode not in (0, 8), "exited with %d" % result.returncode)
    expect(str(daemon.process.pid) in result.stderr, "the holder's pid is not named: " + result.stderr)
    expect(daemon.process.alive(), "the first instance ended")


def test_stale_socket(t):
    """a socket left by a daemon that was killed is replaced"""
    daemon = t.daemon()
    daemon.process.kill()
    expect(os.path.exists(daemon.socket), "a killed daemon leaves its socket")
    daemon.start()
    daemon.cli("status")


def test_socket_mode(t):
    """the admin socket is for its owner and group alone"""
    daemon = t.daemon()
    mode = stat.S_IMODE(os.stat(daemon.socket).st_mode)
    expect(mode == 0o660, "its mode is %o" % mode)


def test_http(t):
    """health and metrics are served over HTTP"""
    daemon = t.daemon()
    daemon.apply(cluster("a"), cluster("b"))
    for path in ("/livez", "/readyz"):
        status, body = http("http://%s%s" % (daemon.http, path))
        expect(status == 200, "%s answered %d: %s" % (path, status, body))
    metrics = daemon.metrics()
    expect(metrics.get("signalbox_revision") is not None, "signalbox_revision is missing")
    wait_for(lambda: daemon.metrics().get('signalbox_resources{kind="cluster"}') == 2, "the metrics count 2 clusters")
    expect(any(name.startswith("signalbox_build_info") for name in metrics), "signalbox_build_info is missing")
    expect(http("http://%s/nowhere" % daemon.http)[0] == 404, "an unknown path is not 404")


def test_applies_are_counted_and_logged(t):
    """each apply is counted by how it ended, and told in one line of the log"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.apply(cluster("a"))
    daemon.cli("apply", "-f", "-", "--expect-revision", "7", stdin=manifests(cluster("b")), expected=5)
    counted = {name: value for name, value in daemon.metrics().items() if name.startswith("signalbox_applies_total")}
    expect(counted == {'signalbox_applies_total{result="%s"}' % result: 1
                       for result in ("committed", "unchanged", "conflict")}, "the counters are %s" % counted)

    def told():
        lines = [json.loads(line) for line in daemon.process.output().splitlines() if line.endswith("}")]
        return [(line["message"], line["result"]) for line in lines if "result" in line]
    wait_for(lambda: told() == [("applied", "committed"), ("applied", "unchanged"), ("apply refused", "conflict")],
             lambda: "the log tells each apply once: %s" % told())


def test_grpc_health_and_reflection(t):
    """gRPC health answers on the discovery port, reflection on the admin socket"""
    daemon = t.daemon()
    peer = Peer(t)
    serving = peer.ask("raw", daemon.xds, "/grpc.health.v1.Health/Check", 3000, "")
    expect(serving.startswith("end 0 0801"), "health answered: " + serving)
    listing = peer.ask("raw", "unix:" + daemon.socket, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                       1000, b"\x3a\x01*".hex())
    answer = bytes.fromhex(listing.split(" ")[2]) if listing.split(" ")[2] != "-" else b""
    expect(b"signalbox.admin.v1.ConfigService" in answer, "reflection answered: " + listing)


def test_config_errors(t):
    """an unknown key is refused with its file, line and the nearest key"""
    path = os.path.join(t.folder, "wrong.toml")
    with open(path, "w") as f:
        f.write("[xds]\n\nlisen = \"127.0.0.1:0\"\n")
    for verb in (["config", "check"], ["serve"]):
        result = t.cli(*verb, "--config", path, expected=None)
        expect(result.returncode in (1, 2, 6), "%s exited with %d" % (verb, result.returncode))
        for part in ("wrong.toml:3", "lisen", "listen"):
            expect(part in result.stderr, "%s does not say %s: %s" % (verb, part, result.stderr))


def test_insecure(t):
    """plaintext beyond loopback is refused, and says which option would allow it"""
    daemon = Daemon(t, "daemon")
    daemon.xds = "0.0.0.0:0"
    result = t.cli(*daemon.command()[1:], expected=None)
    expect(result.returncode not in (0, 8), "exited with %d" % result.returncode)
    expect("xds.insecure" in result.stderr, "the option is not named: " + result.stderr)


def test_status(t):
    """status names the revision, the pid and the listeners"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    data = json.loads(daemon.cli("status", "-o", "json").stdout)["data"]
    expect(data["pid"] == daemon.process.pid, "pid %s" % data["pid"])
    expect(data["head"]["revision"] == 1, "revision %s" % data["head"])
    expect(data["xds_address"] == daemon.xds, "xds_address %s" % data["xds_address"])
