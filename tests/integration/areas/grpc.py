"""A real client that is not Envoy: gRPC C++'s own xds:/// resolver."""
from harness import ADS, TYPE, Peer, cluster, endpoints, expect, free_port, grpc_bootstrap, route, wait_for


def api_listener(name, route_name):
    return {"kind": "listener", "name": name, "spec": {"api_listener": {"api_listener": {
        "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "rds": {"route_config_name": route_name, "config_source": ADS},
        "http_filters": [{"name": "router", "typed_config": {"@type": TYPE + "http.router.v3.Router"}}]}}}}


def grpc_endpoints(name, *ports):
    resource = endpoints(name, *ports)
    for locality in resource["spec"]["endpoints"]:
        locality["locality"] = {"zone": "here"}
        locality["load_balancing_weight"] = 1
    return resource


def test_resolver(t):
    """gRPC's resolver calls a backend by what is served, and follows an endpoint change"""
    daemon = t.daemon()
    bootstrap = grpc_bootstrap(t, daemon, "grpc-client")
    peer = Peer(t, env={"GRPC_XDS_BOOTSTRAP": bootstrap})
    first, second = (peer.ask("backend", name).split()[1] for name in ("first", "second"))
    daemon.apply(api_listener("shop", "shop"), route("shop", "shop", prefix=""), cluster("shop"),
                 grpc_endpoints("shop", int(first)))

    def call():
        return peer.ask("call", "xds:///shop", "/test.Who/Ask", 15000)
    answer = call()
    expect(answer == "ok first", "the first call: " + answer)
    wait_for(lambda: daemon.nodes().get("grpc-client", {}).get("state") == "SYNCED",
             lambda: "the client is SYNCED: %s" % daemon.nodes())
    client = daemon.nodes()["grpc-client"]
    expect(client["variant"] == "sotw" and "grpc" in client["client"].lower(), "it is shown as %s" % client)

    answers = []

    def moved():
        answers.append(call())
        return answers[-1] == "ok second"
    daemon.apply(grpc_endpoints("shop", int(second)))
    wait_for(moved, lambda: "calls follow the endpoints; the last %s" % answers[-3:])
    expect(set(answers) <= {"ok first", "ok second"}, "a call failed meanwhile: %s" % set(answers))
    expect([call() for _ in range(20)] == ["ok second"] * 20, "a later call went elsewhere")


TEMPLATE = "grpc/server?xds.resource.listening_address=%s"


def server_listener(port, route_name):
    made = {"kind": "listener", "name": TEMPLATE % ("127.0.0.1:%d" % port), "spec": {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": api_listener("", route_name)["spec"]["api_listener"]
                                        ["api_listener"]}]}]}}
    return made


def inbound_route(name, prefix=""):
    """What a server lets in."""
    return {"kind": "route", "name": name, "spec": {"virtual_hosts": [
        {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": prefix}, "non_forwarding_action": {}}]}]}}


def test_server(t):
    """gRPC C++'s XdsServerBuilder serves once it has its listener, follows its changes, and stops without it"""
    daemon = t.daemon()
    bootstrap = grpc_bootstrap(t, daemon, "grpc-server", server_listener_resource_name_template=TEMPLATE)
    peer = Peer(t, env={"GRPC_XDS_BOOTSTRAP": bootstrap})
    port = free_port()
    expect(peer.ask("xds-backend", "guarded", port) == "ok", "the server was not built")

    def call():
        return peer.ask("call", "127.0.0.1:%d" % port, "/test.Who/Ask", 2000)
    wait_for(lambda: "grpc-server" in daemon.nodes(), "the server asks for its listener")
    expect(peer.ask("serving") != "ok", "it serves without a listener")
    daemon.apply(server_listener(port, "inbound"), inbound_route("inbound"))
    wait_for(lambda: peer.ask("serving") == "ok", lambda: "it serves: " + peer.ask("serving"))
    wait_for(lambda: call() == "ok guarded", lambda: "a call is answered: " + call())

    # Nothing is let in any more, then again; first by the route, then by another one.
    daemon.apply(inbound_route("inbound", "/nothing.Like/This"))
    wait_for(lambda: call().startswith("error"), "calls are refused")
    daemon.apply(server_listener(port, "second"), inbound_route("second"))
    wait_for(lambda: call() == "ok guarded", lambda: "calls are let in: " + call())
    wait_for(lambda: daemon.nodes()["grpc-server"]["state"] == "SYNCED", lambda: "it is SYNCED: %s" % daemon.nodes())
    nacks = {name: value for name, value in daemon.metrics().items() if name.startswith("signalbox_nacks_total") and value}
    expect(not nacks, "the server refused something: %s" % nacks)

    name = "listener/" + TEMPLATE % ("127.0.0.1:%d" % port)
    daemon.cli("delete", name)
    wait_for(lambda: peer.ask("serving") != "ok", "it stops to serve")
    daemon.apply(server_listener(port, "second"))
    wait_for(lambda: peer.ask("serving") == "ok", lambda: "it serves again: " + peer.ask("serving"))
    wait_for(lambda: call() == "ok guarded", lambda: "and answers: " + call())
