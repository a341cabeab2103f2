"""A real client that is not Envoy: gRPC C++'s own xds:/// resolver."""
import json
import os

from harness import ADS, TYPE, Peer, cluster, endpoints, expect, route, wait_for


def api_listener(name, route_name):
    return {"kind": "listener", "name": name, "spec": {"api_listener": {"api_listener": {
        "@type": TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "rds": {"route_config_name": route_name, "config_source": ADS},
        "http_filters": [{"name": "router", "typed_config": {"@type": TYPE + "http.router.v3.Router"}}]}}}}


def grpc_endpoints(name, port):
    resource = endpoints(name, port)
    resource["spec"]["endpoints"][0]["locality"] = {"zone": "here"}
    resource["spec"]["endpoints"][0]["load_balancing_weight"] = 1
    return resource


def test_resolver(t):
    """gRPC's resolver calls a backend by what is served, and follows an endpoint change"""
    daemon = t.daemon()
    bootstrap = os.path.join(t.folder, "grpc.json")
    with open(bootstrap, "w") as f:
        json.dump({"xds_servers": [{"server_uri": daemon.xds, "channel_creds": [{"type": "insecure"}],
                                    "server_features": ["xds_v3"]}], "node": {"id": "grpc-client"}}, f)
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
