"""What a proxy refused is not sent to it again: over a restart, and by another instance."""
import os
import sqlite3
import urllib.parse

from areas.traffic import wait_synced
from harness import Envoy, Postgres, Traffic, cluster, endpoints, expect, free_port, listener, route, wait_for

RATE = 100


def refused_route(domain):
    """Our checks let it pass, and Envoy refuses it."""
    bad = route("r", "blue")
    bad["spec"]["virtual_hosts"][0]["domains"] = [domain, domain]
    return bad


def nacks(daemon):
    return sum(value for name, value in daemon.metrics().items() if name.startswith("signalbox_nacks_total"))


def wait_refused(daemon, node):
    """The daemon knows that the node refuses the route, and nothing else."""
    def says():
        status = daemon.nodes().get(node, {})
        refused = [name for kind in status.get("types", []) for name in kind.get("refused", [])]
        return status.get("state") == "NACK" and refused == ["r"]
    wait_for(says, lambda: "`nodes` says what is refused: %s" % daemon.nodes(), 20)


def over_restart(t, variant):
    daemon = t.daemon(variant)
    ports = t.upstreams("blue-" + variant)
    answer = "blue-" + variant
    port, node = free_port(), "envoy-" + variant
    daemon.apply(listener("l", port, "r"), route("r", "blue"), cluster("blue"), endpoints("blue", ports[answer]))
    Envoy(t, daemon, variant, node)
    traffic = Traffic(t, variant, port, RATE, [answer])
    traffic.wait_until(answer)
    wait_synced(daemon, node)
    daemon.apply(refused_route("*"))
    wait_refused(daemon, node)
    expect(nacks(daemon) == 1, "%d refusals in place of one" % nacks(daemon))

    def stored():
        path = "file:%s?mode=ro" % urllib.parse.quote(os.path.join(daemon.store, "config.db"))
        with sqlite3.connect(path, uri=True) as database:
            return database.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    wait_for(lambda: stored() == 1, "the refusal is stored")
    daemon.process.kill()
    daemon.start()
    wait_refused(daemon, node)
    traffic.wait_for_requests(RATE)
    expect(nacks(daemon) == 0, "what was refused was sent again after the restart")
    # Other content is tried, and what mends it arrives.
    daemon.apply(refused_route("a.example"))
    wait_for(lambda: nacks(daemon) == 1, "what is new is tried")
    wait_refused(daemon, node)
    daemon.apply(route("r", "blue"))
    wait_synced(daemon, node)
    wait_for(lambda: stored() == 0, "nothing is refused any more")
    count, _ = traffic.stop()
    t.figures.append("%s: %d requests, none failed" % (variant, count))


def test_over_restart(t):
    """what an Envoy refused is not sent to it again after kill -9 of the daemon, in both variants"""
    over_restart(t, "sotw")
    over_restart(t, "delta")


def test_at_another_instance(t):
    """what an Envoy refused at one instance on PostgreSQL is not sent to it by another, which sends what was good"""
    database = Postgres(t)
    arguments = ["--secrets.key_file", os.path.join(t.folder, "secrets.key"), "--instances", "2"]
    first = t.daemon("first", arguments=arguments, url=database.url)
    second = t.daemon("second", arguments=arguments, url=database.url)
    ports = t.upstreams("blue")
    port, node = free_port(), "envoy"
    first.apply(listener("l", port, "r"), route("r", "blue"), cluster("blue"), endpoints("blue", ports["blue"]))
    envoy = Envoy(t, first, "sotw", node)
    wait_synced(first, node)
    first.apply(refused_route("*"))
    wait_refused(first, node)
    wait_for(lambda: database.query("SELECT count(*) FROM config.quarantine") == ["1"], "the refusal is stored")
    revision = first.revision()
    wait_for(lambda: second.revision() == revision, "the other instance has the revision")
    # It comes back with nothing, as the same node.
    envoy.process.kill()
    os.remove(os.path.join(t.folder, node + ".admin"))
    wait_for(lambda: second.metrics().get("signalbox_quarantined_nodes") == 1, "the other instance knows of it")
    again = Envoy(t, second, "sotw", node)
    wait_refused(second, node)
    wait_for(lambda: again.listeners() == ["l"], lambda: "the listener is there: %s" % again.listeners())
    traffic = Traffic(t, "main", port, RATE, ["blue"])
    traffic.wait_until("blue")
    expect(nacks(second) == 0, "what was refused was sent by the other instance")
    count, _ = traffic.stop()
    t.figures.append("%d requests, none failed" % count)
