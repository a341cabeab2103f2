"""Bad input, end to end: each its documented error, the daemon alive, nothing written."""
import json
import os

from harness import Peer, cluster, expect, manifests
import wire

INVALID_ARGUMENT, DEADLINE_EXCEEDED = "3", "4"
INVALID_INPUT = 6  # the exit code


def refuse(t, daemon, text, *parts, name="bad.yaml"):
    """Applies a file and expects an error that says all of `parts`, and no new revision."""
    before = daemon.revision()
    path = os.path.join(t.folder, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    result = daemon.cli("apply", "-f", path, expected=INVALID_INPUT)
    for part in parts:
        expect(part in result.stderr, "the error does not say \"%s\": %s" % (part, result.stderr))
    expect(result.stdout == "", "there is data on stdout: " + result.stdout)
    expect(daemon.process.alive(), "the daemon ended")
    expect(daemon.revision() == before, "something was written")


GOOD = """kind: cluster
name: good
spec:
  type: STATIC
  connect_timeout: 1s
"""


def test_unknown_kind(t):
    """an unknown kind is named, with file and line and the nearest kind"""
    refuse(t, t.daemon(), GOOD + "---\nkind: clutser\nname: a\nspec: {}\n", "bad.yaml:7", "clutser", "cluster")


def test_unknown_field(t):
    """an unknown field is named, with file and line and the nearest field, and the good ones beside it are not written"""
    daemon = t.daemon()
    refuse(t, daemon, GOOD + "---\nkind: cluster\nname: a\nspec:\n  type: STATIC\n  conect_timeout: 1s\n",
           "bad.yaml:11", "conect_timeout", "connect_timeout")
    refuse(t, daemon, "kind: cluster\nname: a\nspecs: {}\n", "bad.yaml:3", "specs")


def test_unknown_field_in_any(t):
    """an unknown field within a typed_config is named by its path and line"""
    refuse(t, t.daemon(), """kind: listener
name: a
spec:
  address: {socket_address: {address: 127.0.0.1, port_value: 1}}
  filter_chains:
    - filters:
        - name: hcm
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stat_prefiX: a
""", "bad.yaml:10", "filter_chains[0].filters[0].typed_config.stat_prefiX", "did you mean")


def test_unknown_type_url(t):
    """a typed_config of an unknown type is refused, and names the type URL and its line"""
    refuse(t, t.daemon(), """kind: cluster
name: a
spec:
  type: STATIC
  typed_extension_protocol_options:
    x: {"@type": type.googleapis.com/foo.Bar}
""", "bad.yaml:6", "type.googleapis.com/foo.Bar")


def test_duplicate_name(t):
    """a name that stands twice is refused"""
    refuse(t, t.daemon(), GOOD + "---\n" + GOOD, "cluster/good", "bad.yaml")


def test_too_large(t):
    """a body over the limit is refused, and says what the limit is"""
    names = "".join("      - \"%s.example\"\n" % ("x" * 200 + str(i)) for i in range(25000))
    refuse(t, t.daemon(), """kind: route
name: a
spec:
  virtual_hosts:
    - name: all
      domains:
%s      routes: []
""" % names, "too large", str(4 << 20))


def test_not_yaml(t):
    """what is not YAML is refused with its line"""
    daemon = t.daemon()
    refuse(t, daemon, GOOD + "---\nkind: [\n", "bad.yaml:")
    refuse(t, daemon, b"\x00\xff\xfe\x01 garbage \x80", "bad.yaml")


def test_empty_file(t):
    """a file without a document is refused"""
    daemon = t.daemon()
    refuse(t, daemon, "", "bad.yaml")
    refuse(t, daemon, "# nothing\n---\n", "bad.yaml")


def test_error_envelope(t):
    """with -o json an error is an envelope on stderr"""
    daemon = t.daemon()
    result = daemon.cli("apply", "-o", "json", "-f", "-", stdin='{"kind":"cluster","name":"a","spec":{"tpye":"STATIC"}}',
                        expected=INVALID_INPUT)
    envelope = json.loads(result.stderr)
    for key in ("code", "message", "field", "retryable", "hint"):
        expect(key in envelope, "%s is missing in %s" % (key, envelope))
    expect("tpye" in envelope["message"] + envelope["field"], str(envelope))
    expect(envelope["retryable"] is False, str(envelope))


def test_not_found(t):
    """get and delete of what is not there exit 4 and change nothing"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.cli("get", "cluster/b", expected=4)
    daemon.cli("delete", "cluster/a", "cluster/b", expected=4)
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/a\n", "cluster/a is gone")


def test_no_daemon(t):
    """a verb without a daemon exits 7"""
    t.cli("status", "--server", "unix:" + os.path.join(t.folder, "nobody.sock"), expected=7)


def stream(peer, daemon, method, *messages, milliseconds=1500):
    """(code, answers, text) of a stream on which these messages were sent."""
    answer = peer.ask("raw", daemon.xds, method, milliseconds, ",".join(m.hex() for m in messages))
    _, code, answers, text = answer.split(" ", 3)
    return code, [bytes.fromhex(a) for a in answers.split(",")] if answers != "-" else [], text


def test_bad_streams(t):
    """a discovery request of garbage, without a node or without a type ends its stream with INVALID_ARGUMENT"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    peer = Peer(t)
    before = daemon.revision()
    for method, request in ((wire.SOTW, wire.sotw_request), (wire.DELTA, wire.delta_request)):
        for what, message, part in (
                ("garbage", b"\xff\xff\xff\xff garbage", "not an envoy"),
                ("no node", request(wire.CLUSTER), "node"),
                ("an empty node", request(wire.CLUSTER, b""), "node"),
                ("no type", request("", wire.node("n")), "type_url")):
            code, answers, text = stream(peer, daemon, method, message)
            expect(code == INVALID_ARGUMENT and not answers and part in text,
                   "%s on %s: code %s, %d answers, \"%s\"" % (what, method, code, len(answers), text))
        # Unknown types are for newer servers: the stream lives, and serves the types it knows.
        unknown = wire.TYPE_URL + "not.yet.Known"
        code, answers, _ = stream(peer, daemon, method, request(unknown, wire.node("n")), request(wire.CLUSTER))
        expect(code == DEADLINE_EXCEEDED and len(answers) == 1, "after an unknown type: code %s, %d answers" % (
            code, len(answers)))
        resources = wire.fields(answers[0])[2]
        expect(len(resources) == 1, "%d resources" % len(resources))
    expect(daemon.process.alive(), "the daemon ended")
    expect(daemon.revision() == before, "something was written")
    code, _, text = stream(peer, daemon, "/envoy.service.nowhere.v3.Nothing/Stream", b"")
    expect(code == "12", "an unknown method: code %s \"%s\"" % (code, text))


def test_admin_garbage(t):
    """garbage on the admin socket is an error, and the daemon goes on"""
    daemon = t.daemon()
    peer = Peer(t)
    answer = peer.ask("raw", "unix:" + daemon.socket, "/signalbox.admin.v1.ConfigService/Apply", 3000,
                      b"\xff\xff garbage".hex())
    expect(answer.split(" ")[1] not in ("0", DEADLINE_EXCEEDED), "it was answered " + answer)
    daemon.cli("apply", "-f", "-", stdin=manifests(cluster("after")))
