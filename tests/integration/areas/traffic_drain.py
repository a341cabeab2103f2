"""Listeners change under connections that stay open until they are told to close."""
from areas.traffic import agree, wait_synced
from harness import Envoy, Traffic, cluster, endpoints, expect, free_port, listener, route, wait_for

RATE = 400
CONNECTIONS = 4
# All connections are told at their next answer; or, as it is unless said otherwise, one after the other, by whole seconds.
AT_ONCE = ("--drain-time-s", "1", "--drain-strategy", "immediate")
GRADUALLY = ("--drain-time-s", "5")


def drained(envoy):
    """Nothing that is replaced or removed is left."""
    stats = envoy.stats("^listener_manager.total_(listeners|filter_chains)_draining$")
    return not any(stats.values())


def drain(t, variant):
    rounds = 3 if t.long else 2
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms"])
    ports = t.upstreams("blue", "green")
    port = free_port()
    node = "envoy-" + variant
    daemon.apply(listener("a", port, "blue"), route("blue", "blue"), cluster("blue"), endpoints("blue", ports["blue"]),
                 route("green", "green"), cluster("green"), endpoints("green", ports["green"]))
    envoy = Envoy(t, daemon, variant, node, drain=GRADUALLY if t.long else AT_ONCE)
    wait_synced(daemon, node)
    traffic = Traffic(t, "main", port, RATE, ["blue"], CONNECTIONS)
    traffic.wait_until("blue")

    def change(before, after, resources, removals=()):
        """Changes, and waits until every connection from before has been told to go and is gone."""
        goal = opened() + CONNECTIONS
        traffic.change(lambda: daemon.apply_once(resources, list(removals)), before, after)
        wait_for(lambda: opened() >= goal and drained(envoy), lambda: "%d of %d connections are open anew, %s" % (
            opened(), goal, envoy.stats("draining")), 20)

    def opened():
        return sum(envoy.stats("^listener.127.0.0.1_%d.downstream_cx_total$" % port).values())
    for _ in range(rounds):
        # What the listener does changes; then how it listens; then another listener takes its port.
        change("blue", "green", [listener("a", port, "green")])
        buffered = listener("a", port, "blue")
        buffered["spec"]["per_connection_buffer_limit_bytes"] = 65536
        change("green", "blue", [buffered])
        change("blue", "green", [listener("b", port, "green")], ["listener/a"])
        change("green", "blue", [listener("a", port, "blue")], ["listener/b"])
    told = sum(envoy.stats("downstream_cx_drain_close$").values())
    agree(daemon, envoy, node)
    count, _ = traffic.stop()
    expect(told >= rounds * 4 * CONNECTIONS, "only %d connections were told to close" % told)
    t.figures.append("%d changes of listeners, %d connections told to close, %d requests, none failed" % (
        4 * rounds, told, count))


def test_sotw(t):
    """SotW: a listener changes, or another takes its port, and no request of a client fails that closes when it is told to"""
    drain(t, "sotw")


def test_delta(t):
    """delta: the same"""
    drain(t, "delta")
