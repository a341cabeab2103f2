"""What becomes of the stored: two backends, a history that was cut short, two daemons on one database."""
import json
import os
import shutil

from harness import (Envoy, Postgres, Traffic, cluster, endpoints, expect, free_port, http, listener, route,
                     wait_for)

FILES = ("config.db", "config.db-wal", "config.db-shm")


def refused(t, daemon):
    """What a start says that must fail."""
    process = t.spawn(daemon.name, daemon.command())
    code = process.wait()
    output = process.output()
    expect(code not in (0, 8), "started or crashed (%d): %s" % (code, output[-2000:]))
    return output


def copy_config(source, target):
    """Puts `source`'s config.db, with what belongs to it, in the place of `target`'s."""
    for name in FILES:
        if os.path.exists(os.path.join(target, name)):
            os.remove(os.path.join(target, name))
        if os.path.exists(os.path.join(source, name)):
            shutil.copy(os.path.join(source, name), target)


def wait_for_witness(daemon, revision):
    """Until the daemon's file remembers that revision."""
    path = os.path.join(daemon.store, "last-good.json")

    def remembered():
        try:
            with open(path) as f:
                return json.load(f)["revision"]
        except (OSError, ValueError):
            return -1
    wait_for(lambda: remembered() == revision, lambda: "%s says %d" % (path, remembered()))


def test_shortened(t):
    """an older config.db in the place of the newest is noticed, and adopted only when that is said"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.stop()
    older = os.path.join(t.folder, "older")
    os.mkdir(older)
    copy_config(daemon.store, older)
    daemon.start()
    daemon.apply(cluster("b"))
    daemon.apply(cluster("c"))
    wait_for_witness(daemon, 3)
    daemon.stop()

    copy_config(older, daemon.store)
    output = refused(t, daemon)
    expect("revisions 2 to 3 are missing" in output, "what is missing is not named: " + output[-2000:])
    expect("signalbox db adopt --yes" in output, "it is not said how to go on: " + output[-2000:])
    t.cli("db", "adopt", *daemon.store_flags(), "--config", daemon.config, expected=2)
    expect("are missing" in refused(t, daemon), "a refused adoption has changed something")
    t.cli("db", "adopt", "--yes", *daemon.store_flags(), "--config", daemon.config)
    daemon.start()
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/a\n", "the older content is not there")
    daemon.apply(cluster("d"))
    expect(daemon.revision() == 2, "the next revision is %d" % daemon.revision())


def test_lost_log(t):
    """a write-ahead log that is lost after kill -9 is noticed"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.stop()
    older = os.path.join(t.folder, "older")
    os.mkdir(older)
    copy_config(daemon.store, older)
    daemon.start()
    daemon.apply(cluster("b"))
    wait_for_witness(daemon, 2)
    daemon.process.kill()
    # The file as it was when its log was empty, and no log.
    copy_config(older, daemon.store)
    expect("revision 2 is missing" in refused(t, daemon), "the loss is not noticed: " + daemon.process.output()[-500:])


def test_lost_file(t):
    """a directory that has lost its config.db is refused"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.stop()
    for name in FILES:
        if os.path.exists(os.path.join(daemon.store, name)):
            os.remove(os.path.join(daemon.store, name))
    output = refused(t, daemon)
    expect("config.db is missing" in output, "config.db is not named: " + output[-2000:])
    expect(not os.path.exists(os.path.join(daemon.store, "config.db")), "an empty config.db was made")


def test_postgres_restart(t):
    """on PostgreSQL what was applied is there after a restart and after kill -9"""
    database = Postgres(t)
    daemon = t.daemon(url=database.url)
    daemon.apply(cluster("a"))
    status = json.loads(daemon.cli("status", "-o", "json").stdout)["data"]["store"]
    expect(status["standbys"] == {"synchronous": "", "connected": 0}, "status says %s" % status)
    daemon.process.kill()
    daemon.start()
    daemon.apply(cluster("b"))
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    daemon.start()
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/a\ncluster/b\n", "something is gone")
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())
    events = "SELECT revision FROM audit.event ORDER BY number"
    wait_for(lambda: database.query(events) == ["1", "2"], lambda: "each change has its event: %s" % database.query(events))


def test_postgres_away(t):
    """PostgreSQL goes away: the daemon stays ready, refuses changes, and goes on when it is back"""
    database = Postgres(t)
    daemon = t.daemon(url=database.url)
    daemon.apply(cluster("a"))
    database.process.kill()
    result = daemon.cli("--timeout", "30s", "apply", "-f", "-", stdin="{kind: cluster, name: b, spec: {type: STATIC}}",
                        expected=7)
    expect(result.stderr, "nothing is said")
    expect(http("http://%s/readyz" % daemon.http)[0] == 200, "not ready without the database")
    database.start()

    def applied():
        return daemon.cli("apply", "-f", "-", stdin="{kind: cluster, name: b, spec: {type: STATIC}}",
                          expected=None).returncode == 0
    wait_for(applied, "a change is taken again", 30)
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())


def test_two_daemons(t):
    """two daemons on one PostgreSQL: a change through one reaches an Envoy at the other, which may move between them"""
    database = Postgres(t)
    key = ["--secrets.key_file", os.path.join(t.folder, "secrets.key")]  # all instances need the same one
    one = t.daemon("one", arguments=key, url=database.url)
    two = t.daemon("two", arguments=key, url=database.url)
    ports = t.upstreams("blue", "green")
    port = free_port()
    one.apply(endpoints("web", ports["blue"]), cluster("web"), route("web", "web"), listener("web", port, "web"))
    envoy = Envoy(t, two, "delta", "edge-1")
    traffic = Traffic(t, "web", port, 100, ["failed", "blue"])
    traffic.wait_until("blue")
    traffic.change(lambda: one.apply(endpoints("web", ports["green"])), "blue", "green")

    # With LISTEN cut the poll brings it.
    cut = database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                         "WHERE application_name = 'signalbox listener'")
    expect(cut == ["t", "t"], "of two listeners %s were cut" % cut)
    traffic.change(lambda: one.apply(endpoints("web", ports["blue"])), "green", "blue")
    wait_for(lambda: one.revision() == two.revision() == 3, "both are at revision 3")

    # The proxy goes to the other daemon, which listens where this one did.
    before = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    one.stop()
    two.stop()
    one.xds = two.xds
    one.start()
    wait_for(lambda: one.nodes().get("edge-1", {}).get("state") == "SYNCED", lambda: "edge-1 is SYNCED: %s" % one.nodes())
    sent = {name: value for name, value in one.metrics().items()
            if name.startswith("signalbox_response_resources_total") and value}
    expect(not sent, "resources were sent again: %s" % sent)
    after = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    expect(before == after, "Envoy changed something: %s, then %s" % (before, after))
    traffic.wait_for_requests(50)
    traffic.stop()


def test_slow_statement(t):
    """a statement that takes longer than the threshold is logged by its name, on both backends"""
    for name, url in (("on-sqlite", None), ("on-postgres", Postgres(t).url)):
        daemon = t.daemon(name, arguments=["--store.slow_query", "1ns"], url=url)
        daemon.apply(cluster("a"))
        lines = [json.loads(line) for line in daemon.process.output().splitlines() if line.startswith("{")]
        slow = {line.get("statement") for line in lines if line.get("message") == "slow query"}
        expect(any(statement and "head" in statement for statement in slow), "%s logs %s" % (name, slow))
        daemon.stop()
