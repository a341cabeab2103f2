"""Clusters that Envoy asks for when a request names them, and endpoints that come one by one: both in delta only."""
import contextlib
import socket
import time

import harness
from areas.services import XDS, bootstrap, grpc_source, static_cluster, static_cluster_resource
from areas.traffic import wait_synced
from harness import ADS, TYPE, Envoy, Traffic, cluster, endpoints, expect, free_port, listener, wait_for

# What Envoy waits for an answer about a cluster; a name that does not exist must not take that long.
TIMEOUT_SECONDS = 5


def on_demand_listener(port, source):
    """A request goes to the cluster that its header x-cluster names, which is asked for then."""
    made = listener("l", port, "r")
    config = made["spec"]["filter_chains"][0]["filters"][0]["typed_config"]
    config["http_filters"].insert(0, {"name": "envoy.filters.http.on_demand", "typed_config": {
        "@type": TYPE + "http.on_demand.v3.OnDemand",
        "odcds": {"source": source, "timeout": "%ds" % TIMEOUT_SECONDS}}})
    return made


def by_header(name):
    return {"kind": "route", "name": name, "spec": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster_header": "x-cluster"}}]}]}}


def only_listeners(node, daemon):
    """A bootstrap that asks for listeners over ADS and for no cluster."""
    source = grpc_source("DELTA_GRPC")["api_config_source"]
    return bootstrap(node, ADS, static_cluster(XDS, daemon.xds, True),
                     dynamic_resources={"ads_config": source, "lds_config": ADS})


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def ask(port, name):
    """(status, body, seconds) of a request for the cluster."""
    start = time.monotonic()
    status, body = harness.http("http://127.0.0.1:%d/" % port, headers={"x-cluster": name}, seconds=2 * TIMEOUT_SECONDS)
    return status, body, time.monotonic() - start


def clusters_on_demand(t, source):
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms", "--xds.ordering.removal-grace-opaque", "200ms"])
    ports = t.upstreams("blue", "green")
    port = free_port()
    daemon.apply(static_cluster_resource(daemon.xds), on_demand_listener(port, source), by_header("r"), cluster("blue"),
                 endpoints("blue", ports["blue"]), cluster("green"), endpoints("green", ports["green"]))
    envoy = Envoy(t, daemon, None, "on-demand", bootstrap_text=only_listeners("on-demand", daemon))
    wait_for(lambda: accepts(port), "Envoy listens")
    expect(envoy.clusters() == [], "it has clusters that nobody asked for: %s" % envoy.clusters())
    for name in ("blue", "green"):
        status, body, _ = ask(port, name)
        expect((status, body) == (200, name), "%s is answered by %d: %s" % (name, status, body))
    slowest = 0
    for i in range(20):
        status, body, seconds = ask(port, "missing-%d" % i)
        expect(status == 503, "a cluster that is not there is answered by %d: %s" % (status, body))
        slowest = max(slowest, seconds)
    expect(slowest < TIMEOUT_SECONDS / 2, "a name that is not there took %.1f s" % slowest)
    t.figures.append("a name that is not there: %.0f ms" % (slowest * 1000))
    expect(envoy.clusters() == ["blue", "green"], "it has %s" % envoy.clusters())

    # Envoy asks for a name once: what comes later, changes, goes and comes back must arrive unasked.
    daemon.apply(cluster("missing-0"), endpoints("missing-0", ports["blue"]))
    wait_for(lambda: envoy.clusters() == ["blue", "green", "missing-0"], lambda: "it comes: %s" % envoy.clusters())
    expect(ask(port, "missing-0")[:2] == (200, "blue"), "the cluster that was missing is not used")
    daemon.apply(endpoints("green", ports["blue"]))
    wait_for(lambda: ask(port, "green")[:2] == (200, "blue"), "changed endpoints are used")
    daemon.apply_once([], ["cluster/green", "endpoints/green"])
    wait_for(lambda: envoy.clusters() == ["blue", "missing-0"], lambda: "it goes: %s" % envoy.clusters())
    daemon.apply_once([cluster("green"), endpoints("green", ports["green"])], [])
    wait_for(lambda: envoy.clusters() == ["blue", "green", "missing-0"], lambda: "it comes back: %s" % envoy.clusters())
    expect(ask(port, "green")[:2] == (200, "green"), "the cluster that came back is not used")
    wait_synced(daemon, "on-demand")
    refused = {name: count for name, count in daemon.metrics().items() if "nacks" in name and count}
    expect(not refused, "Envoy refused something: %s" % refused)


def test_clusters(t):
    """delta: a cluster comes when a request names it, and a name that is not there is answered at once (XDS ODCDS)"""
    clusters_on_demand(t, ADS)


def test_clusters_apart(t):
    """delta on a service for each type: the same"""
    if t.envoy_version == harness.OLD_ENVOY_VERSION:
        raise harness.Skipped("this Envoy does not use what comes for the second name that it asks for")
    clusters_on_demand(t, grpc_source("DELTA_GRPC"))


COLLECTION = "xdstp://fleet/envoy.config.endpoint.v3.LbEndpoint/blue/"


def in_collection(name):
    """Endpoints of which Envoy is to ask for each."""
    return {"kind": "endpoints", "name": name, "spec": {"endpoints": [{
        "locality": {"zone": "here"}, "load_balancing_weight": 1,
        "leds_cluster_locality_config": {"leds_config": ADS, "leds_collection_name": COLLECTION + "*"}}]}}


def lb_endpoint(number, port):
    return {"kind": "lb-endpoint", "name": COLLECTION + str(number), "spec": {
        "endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}}


def test_endpoints(t):
    """delta: endpoints of a locality come and go one by one, and no request fails (XDS X3)"""
    daemon = t.daemon()
    ports = t.upstreams("blue", "green")
    port = free_port()
    daemon.apply(listener("l", port, "r"), harness.route("r", "blue"), cluster("blue"), in_collection("blue"),
                 lb_endpoint(1, ports["blue"]))
    envoy = Envoy(t, daemon, "delta", "leds")
    wait_synced(daemon, "leds")
    traffic = Traffic(t, "main", port, 200, ["blue"])
    traffic.wait_until("blue")
    for _ in range(20 if t.long else 3):
        traffic.expect_from_now("blue", "green")
        daemon.apply(lb_endpoint(2, ports["green"]))
        wait_for(lambda: "green" in [answer for _, _, answer in traffic.results[-50:]], "the second endpoint is used")
        traffic.change(lambda: daemon.cli("delete", "lb-endpoint/%s1" % COLLECTION), "blue", "green")
        traffic.expect_from_now("blue", "green")
        daemon.apply(lb_endpoint(1, ports["blue"]))
        traffic.change(lambda: daemon.cli("delete", "lb-endpoint/%s2" % COLLECTION), "green", "blue")
    wait_synced(daemon, "leds")
    count, _ = traffic.stop()
    t.figures.append("%d requests" % count)
    refused = {name: value for name, value in envoy.stats("update_rejected$").items() if value}
    expect(not refused, "Envoy refused something: %s" % refused)
