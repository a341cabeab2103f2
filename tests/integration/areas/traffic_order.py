"""Make before break under traffic: a route moves to a new cluster, and the old one goes in the same revision."""
from areas.traffic import agree, wait_synced
from harness import Envoy, Traffic, cluster, endpoints, expect, free_port, listener, route, wait_for

RATE = 300


def slow_to_warm(resource):
    """The cluster is warm when its first health check is answered."""
    resource["spec"]["health_checks"] = [{
        "timeout": "5s", "interval": "60s", "no_traffic_interval": "60s", "unhealthy_threshold": 3,
        "healthy_threshold": 1, "http_health_check": {"path": "/slow"}}]
    return resource


def move(t, variant):
    moves = 200 if t.long else 40
    # Envoys keep the old cluster for the requests under way; here none takes long.
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms"])
    ports = t.upstreams("even", "odd")
    port = free_port()
    node = "envoy-" + variant
    daemon.apply(listener("l", port, "r"), route("r", "c0"), cluster("c0"), endpoints("c0", ports["even"]))
    envoy = Envoy(t, daemon, variant, node)
    wait_synced(daemon, node)
    traffic = Traffic(t, "main", port, RATE, ["even"])
    traffic.wait_until("even")
    for i in range(1, moves + 1):
        before, after = ("even", "odd") if i % 2 else ("odd", "even")
        old, new = "c%d" % (i - 1), "c%d" % i
        fresh = cluster(new)
        resources = [slow_to_warm(fresh) if i % 4 < 2 else fresh, endpoints(new, ports[after]), route("r", new)]
        traffic.change(lambda: daemon.apply_once(resources, ["cluster/" + old, "endpoints/" + old]), before, after)
    wait_synced(daemon, node)
    wait_for(lambda: envoy.clusters() == ["c%d" % moves], lambda: "the old clusters are gone: %s" % envoy.clusters())
    refused_route(daemon, envoy, traffic, node, ports, moves)
    agree(daemon, envoy, node)
    count, _ = traffic.stop()
    t.figures.append("%d moves, %d requests, none failed" % (moves, count))


def refused_route(daemon, envoy, traffic, node, ports, last):
    """A route that the proxy refuses: what the last good one refers to stays, and the hold is told."""
    old, new = "c%d" % last, "replacement"
    bad = route("r", new)
    # Our checks let it pass, and Envoy refuses it.
    bad["spec"]["virtual_hosts"][0]["domains"] = ["*", "*"]
    daemon.apply_once([cluster(new), endpoints(new, ports["odd"]), bad], ["cluster/" + old, "endpoints/" + old])
    wait_for(lambda: daemon.nodes()[node]["state"] == "NACK", lambda: "the route is refused: %s" % daemon.nodes())
    wait_for(lambda: daemon.metrics().get('signalbox_held_nodes{type="cluster"}') == 1,
             lambda: "the hold is in /metrics: %s" % daemon.metrics())
    traffic.wait_for_requests(RATE)
    expect(old in envoy.clusters(), "the cluster in use is gone: %s" % envoy.clusters())
    answers = ("even", "odd") if last % 2 == 0 else ("odd", "odd")
    traffic.change(lambda: daemon.apply(route("r", new)), *answers)
    wait_for(lambda: envoy.clusters() == [new], lambda: "the old cluster is gone: %s" % envoy.clusters())
    wait_synced(daemon, node)
    expect(daemon.metrics()['signalbox_held_nodes{type="cluster"}'] == 0, "something is held still")


def test_sotw(t):
    """SotW: a route moves again and again to a new cluster, slow to warm or not, the old one goes, and no request fails"""
    move(t, "sotw")


def test_delta(t):
    """delta: the same"""
    move(t, "delta")
