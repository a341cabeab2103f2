"""Virtual hosts that are resources of their own: they come with their route configuration, or when a request asks."""
import time

import harness
from areas.services import grpc_source, static_cluster_resource
from areas.traffic import wait_synced
from areas.traffic_on_demand import accepts
from harness import ADS, TYPE, Envoy, Traffic, cluster, endpoints, expect, free_port, listener, wait_for

# What the generator of requests asks for.
HOST = "test"

def asking_listener(name, port, route):
    """Asks for a virtual host when a request is for a domain that it does not know."""
    made = listener(name, port, route)
    config = made["spec"]["filter_chains"][0]["filters"][0]["typed_config"]
    config["http_filters"].insert(0, {"name": "envoy.filters.http.on_demand", "typed_config": {
        "@type": TYPE + "http.on_demand.v3.OnDemand"}})
    return made


def empty_route(name, source, **more):
    """Envoy waits for the first word of its virtual hosts for ever."""
    return {"kind": "route", "name": name, "spec": {
        "vhds": {"config_source": {**source, "initial_fetch_timeout": "0s"}}, **more}}


def host(name, domains, to, on_demand=False):
    made = {"kind": "virtual-host", "name": name, "spec": {"domains": domains, "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster": to}}]}}
    if on_demand:
        made["annotations"] = {"signalbox/on-demand": "true"}
    return made


def ask(port, domain):
    return harness.http("http://127.0.0.1:%d/" % port, headers={"host": domain})


def virtual_hosts(t, source):
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms", "--xds.ordering.removal-grace-opaque", "200ms"])
    ports = t.upstreams("blue", "green")
    port, second = free_port(), free_port()
    daemon.apply(static_cluster_resource(daemon.xds), asking_listener("l", port, "team/r"), empty_route("team/r", source), cluster("blue"),
                 endpoints("blue", ports["blue"]), cluster("green"), endpoints("green", ports["green"]))
    envoy = Envoy(t, daemon, "delta", "vhds")
    wait_for(lambda: accepts(port), "Envoy listens although there is no virtual host")
    slowest = 0
    for i in range(5):
        start = time.monotonic()
        status, body = ask(port, "missing-%d.test" % i)
        slowest = max(slowest, time.monotonic() - start)
        expect(status == 404, "a domain that nobody answers for is answered by %d: %s" % (status, body))
    expect(slowest < 2, "a domain that is not there took %.1f s" % slowest)
    t.figures.append("a domain that is not there: %.0f ms" % (slowest * 1000))

    # What is not on demand comes by itself, what was asked for in vain when it is there.
    daemon.apply(host("team/r/home", [HOST, "home.test"], "blue"))
    wait_for(lambda: ask(port, "home.test") == (200, "blue"),
             lambda: "the virtual host comes: %s" % (ask(port, "home.test"),))
    daemon.apply(host("team/r/missing", ["missing-0.test"], "blue", True))
    wait_for(lambda: ask(port, "missing-0.test") == (200, "blue"), "what was asked for comes when it is there")

    # The first request for a domain is answered, too.
    daemon.apply(host("team/r/shop", ["shop.test", "*.shop.test"], "green", True))
    for domain in ("shop.test", "a.shop.test", "B.shop.test"):
        expect(ask(port, domain) == (200, "green"), "%s is not answered at once" % domain)
    wait_synced(daemon, "vhds")

    traffic = Traffic(t, "main", port, 200, ["blue"])
    traffic.wait_until("blue")
    for turn in range(20 if t.long else 3):
        # A changed route configuration keeps them, a changed virtual host moves to a new cluster.
        daemon.apply(empty_route("team/r", source, response_headers_to_remove=["x-%d" % turn]))
        wait_synced(daemon, "vhds")
        expect(ask(port, "a.shop.test") == (200, "green"), "it is gone with a change of its route configuration")
        daemon.apply(cluster("new"), endpoints("new", ports["green"]))
        traffic.change(lambda: daemon.apply(host("team/r/home", [HOST, "home.test"], "new")),
                       "blue", "green")
        traffic.change(lambda: daemon.apply_once(
            [host("team/r/home", [HOST, "home.test"], "blue")],
            ["cluster/new", "endpoints/new"]), "green", "blue")
        wait_synced(daemon, "vhds")

    # A listener and a route configuration that come later wait for their own word.
    daemon.apply(asking_listener("second", second, "late"), empty_route("late", source))
    wait_for(lambda: accepts(second), "the second listener listens although there is no virtual host")
    expect(ask(second, "shop.test")[0] == 404, "a route configuration has the virtual hosts of another")
    daemon.apply(host("late/shop", ["*"], "green", True))
    wait_for(lambda: ask(second, "shop.test") == (200, "green"), "it comes for a request")

    # Over a restart, and gone.
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    daemon.start()
    wait_synced(daemon, "vhds")
    expect(ask(port, "a.shop.test") == (200, "green"), "it is gone with a restart of the daemon")
    count, _ = traffic.stop()
    t.figures.append("%d requests" % count)
    daemon.apply_once([], ["virtual-host/team/r/shop"])
    wait_for(lambda: ask(port, "shop.test")[0] == 404, "a virtual host that is deleted goes")
    wait_synced(daemon, "vhds")
    refused = {name: value for name, value in daemon.metrics().items() if "nacks" in name and value}
    expect(not refused, "Envoy refused something: %s" % refused)
    refused = {name: value for name, value in envoy.stats("update_rejected$").items() if value}
    expect(not refused, "Envoy says that it refused something: %s" % refused)


def test_delta(t):
    """delta: virtual hosts come, change and go, on demand too, and no request fails (XDS VHDS, X6)"""
    if t.envoy_version == harness.OLD_ENVOY_VERSION:
        raise harness.Skipped("this Envoy takes virtual hosts from a stream of their own only")
    virtual_hosts(t, ADS)


def test_delta_apart(t):
    """delta, virtual hosts on a stream of their own: the same (XDS VHDS)"""
    virtual_hosts(t, grpc_source("DELTA_GRPC"))
