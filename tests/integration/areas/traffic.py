"""A real Envoy under traffic, in both variants, while everything about it changes."""
from harness import (Envoy, Traffic, cluster, endpoints, expect, free_port, listener, route, wait_for)

RATE = 300


def wait_synced(daemon, node_id):
    """Until the proxy has acknowledged all of the newest revision."""
    def synced():
        node = daemon.nodes().get(node_id, {})
        return node.get("state") == "SYNCED" and node.get("revision") == daemon.revision()
    wait_for(synced, lambda: "%s has the newest revision: %s" % (node_id, daemon.nodes()), 20)


ANSWERS = {"cluster": "cluster_manager.cds", "listener": "listener_manager.lds"}


def answers_of(envoy):
    """(kind, "acks" or "nacks") -> how many responses Envoy says it has accepted or refused."""
    stats = envoy.stats("^(%s).update_(success|rejected)$" % "|".join(ANSWERS.values()))
    return {(kind, what): stats.get("%s.update_%s" % (prefix, stat), 0) for kind, prefix in ANSWERS.items()
            for what, stat in (("acks", "success"), ("nacks", "rejected"))}


def agree(daemon, envoy, node, earlier=None, static=0):
    """What the daemon says of the only proxy is what that says itself.

    `earlier` is what it answered another daemon, `static` the number of resources that its bootstrap has already.
    """
    wait_synced(daemon, node)
    earlier = earlier or {}

    def differences():
        metrics, answers = daemon.metrics(), answers_of(envoy)
        pairs = {key: (metrics.get('signalbox_%s_total{type="%s"}' % (key[1], key[0]), 0), count - earlier.get(key, 0))
                 for key, count in answers.items()}
        for kind, names in (("cluster", envoy.clusters() + static * [""]), ("listener", envoy.listeners())):
            pairs[kind, "names"] = metrics.get('signalbox_resources{kind="%s"}' % kind, 0), len(names)
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    # An answer is counted here when it has come; a removed cluster goes after its grace.
    wait_for(lambda: not differences(), lambda: "(the daemon's, Envoy's) counts: %s" % differences())
    streams = sum(count for name, count in daemon.metrics().items() if name.startswith("signalbox_streams{"))
    expect(streams >= 1 and daemon.metrics()['signalbox_nodes{state="SYNCED"}'] == 1, "nodes: %s" % daemon.metrics())
    connected = envoy.stats("^control_plane.connected_state$").get("control_plane.connected_state")
    expect(connected in (1, None), "Envoy says that it is not connected")


def change_everything(t, variant):
    requests = 50000 if t.long else 5000
    daemon = t.daemon()
    ports = t.upstreams("blue", "green", "third")
    first, second = free_port(), free_port()
    node = "envoy-" + variant
    daemon.apply(listener("first", first, "first"), route("first", "blue"), cluster("blue"),
                 endpoints("blue", ports["blue"]))
    envoy = Envoy(t, daemon, variant, node)
    wait_synced(daemon, node)
    expect(daemon.nodes()[node]["variant"] == variant, "the variant is %s" % daemon.nodes()[node]["variant"])

    main = Traffic(t, "main", first, RATE, ["blue"])
    main.wait_until("blue")
    while True:
        # Creates: a second cluster with its endpoints, then a route and a listener over it.
        daemon.apply(endpoints("green", ports["green"]))
        daemon.apply(cluster("green"))
        daemon.apply(route("second", "green"))
        daemon.apply(listener("second", second, "second"))
        wait_synced(daemon, node)
        side = Traffic(t, "side", second, 50, ["failed", "green"])
        side.wait_until("green")

        # Changes of each type.
        main.change(lambda: daemon.apply(route("first", "green")), "blue", "green")
        side.expect_from_now("green", "third")
        main.change(lambda: daemon.apply(endpoints("green", ports["third"])), "green", "third")
        side.wait_until("third")
        daemon.apply(cluster("green", connect_timeout="2s"))
        daemon.apply(listener("first", first, "first", stat_prefix="renamed"))
        wait_synced(daemon, node)
        side.expect_from_now("third", "green")
        main.change(lambda: daemon.apply(endpoints("green", ports["green"])), "third", "green")
        side.wait_until("green")

        # Deletes, from the listener down; the first listener goes back to the cluster that stays.
        side.expect_from_now("green", "failed")
        daemon.cli("delete", "listener/second")
        wait_synced(daemon, node)
        wait_for(lambda: envoy.listeners() == ["first"], lambda: "Envoy drops the listener: %s" % envoy.listeners())
        side.stop()
        daemon.cli("delete", "route/second")
        main.change(lambda: daemon.apply(route("first", "blue")), "green", "blue")
        daemon.cli("delete", "cluster/green")
        daemon.cli("delete", "endpoints/green")
        wait_synced(daemon, node)
        main.wait_for_requests(RATE // 4)
        if len(main.results) >= requests:
            break

    agree(daemon, envoy, node)
    restart(daemon, envoy, main, node, variant)
    count, rate = main.stop()
    expect(count >= requests, "only %d requests were sent" % count)
    expect(rate >= 200, "only %.0f requests a second were sent" % rate)


def restart(daemon, envoy, main, node, variant):
    """The daemon restarts under the proxy: nobody notices."""
    before = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    main.wait_for_requests(RATE // 4)
    answered = answers_of(envoy)
    daemon.start()
    wait_synced(daemon, node)
    main.wait_for_requests(RATE)
    after = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    expect(before == after, "Envoy changed something after the restart: %s, then %s" % (before, after))
    sent = {name: value for name, value in daemon.metrics().items()
            if name.startswith("signalbox_response_resources_total")}
    # SotW cannot say what it has of a type that is asked for by name.
    expect(any(sent.values()) == (variant == "sotw"), "resources sent after the reconnect: %s" % sent)
    # What is changed afterwards still arrives.
    daemon.apply(cluster("blue", connect_timeout="3s"))
    agree(daemon, envoy, node, answered)


def test_sotw(t):
    """SotW: every type is created, changed and deleted under traffic, the daemon restarts, and no request fails"""
    change_everything(t, "sotw")


def test_delta(t):
    """delta: the same, and after the restart no resource is sent again"""
    change_everything(t, "delta")
