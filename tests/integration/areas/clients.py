"""gRPC's own clients under calls, while everything that they use changes, goes away and comes back."""
from areas.grpc import api_listener, grpc_endpoints
from harness import Caller, Peer, cluster, expect, route, wait_for

RATE = 200
LIBRARIES = ("python", "c++", "node")
# Newer libraries go on with what is deleted, unless they are told not to.
FEATURES = ("fail_on_data_errors",)


class Fleet:
    """A caller of each library, on one target."""

    def __init__(self, t, daemon, answer):
        self.daemon = daemon
        self.callers = [Caller(t, library, daemon, "xds:///shop", RATE, [answer], FEATURES) for library in LIBRARIES]
        self.answer = answer
        self.taken_away = 0

    def wait_until(self, answer):
        for caller in self.callers:
            caller.wait_until(answer, 30)
        self.answer = answer

    def moves(self, answer, *resources, removals=()):
        """A change that takes the calls to another backend, or to the one where they are."""
        for caller in self.callers:
            caller.expect_from_now(self.answer, answer)
        self.daemon.apply_once(list(resources), list(removals))
        self.wait_until(answer)

    def goes_away(self, comes_back, *resources, removals=()):
        """A change without which calls must fail, each until `comes_back` is applied; then none fails again."""
        for caller in self.callers:
            caller.expect_from_now(self.answer, "failed")
        self.daemon.apply_once(list(resources), list(removals))
        for caller in self.callers:
            wait_for(lambda: caller.results[-1][2].startswith("failed:"),
                     lambda: "%s: calls fail; the last: %s" % (caller.name, caller.results[-1]), 30)
        comes_back()
        self.wait_until(self.answer)
        self.taken_away += 1

    def agree(self, refused=()):
        """The daemon says of each client what that says of itself; `refused` are the names that it refuses."""
        ids = {caller.node_id for caller in self.callers}
        wanted = "NACK" if refused else "SYNCED"
        wait_for(lambda: all(self.daemon.nodes().get(node, {}).get("state") == wanted for node in ids),
                 lambda: "the clients are %s: %s" % (wanted, self.daemon.nodes()), 20)
        nodes, metrics = self.daemon.nodes(), self.daemon.metrics()
        expect(set(nodes) == ids, "the nodes are %s" % nodes)
        expect(metrics['signalbox_nodes{state="%s"}' % wanted] == len(ids), "nodes by state: %s" % metrics)
        expect(metrics['signalbox_streams{variant="sotw"}'] == len(ids), "streams: %s" % metrics)
        for caller in self.callers:
            config = caller.config()
            told = sorted(name for (_, name), state in config.items() if state == "NACKED")
            expect(told == sorted(refused), "%s refuses %s: %s" % (caller.name, told, config))
            said = sorted(name for kind in nodes[caller.node_id]["types"] for name in kind.get("refused", []))
            expect(said == told, "%s refuses %s, and `nodes` says %s" % (caller.name, told, said))
            if not refused:
                expect(config and set(config.values()) == {"ACKED"}, "%s has %s" % (caller.name, config))
                expect(len(nodes[caller.node_id]["types"]) == len({kind for kind, _ in config}),
                       "%s has %s, and `nodes` says %s" % (caller.name, config, nodes[caller.node_id]))
        return metrics

    def stop(self):
        return [(caller.name, caller.stop()[0], sum(answer.startswith("failed:") for _, _, answer in caller.results))
                for caller in self.callers]


def nacks(metrics):
    return sum(value for name, value in metrics.items() if name.startswith("signalbox_nacks_total"))


def limited(name, requests):
    """A cluster with something in it that gRPC reads."""
    made = cluster(name)
    made["spec"]["circuit_breakers"] = {"thresholds": [{"max_requests": requests}]}
    return made


def refused_cluster(name):
    """Our checks let it pass, and gRPC refuses it."""
    made = cluster(name)
    made["spec"]["outlier_detection"] = {"enforcing_success_rate": 101}
    return made


def test_calls(t):
    """Python, C++ and Node: calls go on while listeners, routes, clusters and endpoints change, go away and come back"""
    goal = 20000 if t.long else 2000
    daemon = t.daemon(arguments=["--xds.ordering.removal-grace", "200ms"])
    peer = Peer(t)
    ports = {name: int(peer.ask("backend", name).split()[1]) for name in ("blue", "green", "third")}
    daemon.apply(api_listener("shop", "shop"), route("shop", "c0", prefix=""), limited("c0", 1000),
                 grpc_endpoints("c0", ports["blue"]))
    fleet = Fleet(t, daemon, "blue")
    fleet.wait_until("blue")
    rounds = 0
    while True:
        old, new = "c%d" % rounds, "c%d" % (rounds + 1)
        listener = api_listener("shop", "shop")
        # Each type changes; what calls must follow, and what they must not notice.
        fleet.moves("third", grpc_endpoints(old, ports["third"]))
        fleet.moves("third", limited(old, 900 - rounds))
        fleet.moves("third", api_listener("shop", "other"), route("other", old, prefix=""))
        fleet.moves("blue", grpc_endpoints(old, ports["blue"]))
        fleet.moves("blue", listener, removals=["route/other"])
        fleet.agree()
        # A route moves to a new cluster, and the old one goes in the same revision.
        fleet.moves("green", limited(new, 1000), grpc_endpoints(new, ports["green"]), route("shop", new, prefix=""),
                    removals=["cluster/" + old, "endpoints/" + old])
        everything = [listener, route("shop", new, prefix=""), limited(new, 1000), grpc_endpoints(new, ports["green"])]
        # Of endpoints' deletion a SotW client hears nothing: nobody notices, and they come back.
        fleet.moves("green", removals=["endpoints/" + new])
        fleet.moves("green", everything[3])
        # Each goes away, and calls fail until it is back.
        fleet.goes_away(lambda: daemon.apply(everything[3]), grpc_endpoints(new))
        fleet.goes_away(lambda: daemon.apply(everything[1]), route("shop", new, prefix="/nothing.Like/This"))
        # gRPC C++ 1.51 forgets the route of a listener that is deleted and does not ask for it again: the listener comes
        # back with another one.
        again = [api_listener("shop", "again"), route("again", new, prefix="")]
        fleet.goes_away(lambda: daemon.apply(*again), removals=["listener/shop", "route/shop"])
        keys = ["listener/shop", "route/again", "cluster/" + new, "endpoints/" + new]
        # grpc-js 1.14 does not tell of a cluster that comes back with the content that it had.
        everything[2] = limited(new, 998)
        fleet.goes_away(lambda: daemon.apply(*everything), removals=keys)
        fleet.moves("blue", grpc_endpoints(new, ports["blue"]))
        fleet.agree()
        rounds += 1
        if all(len(caller.results) >= goal for caller in fleet.callers):
            break
    refusals(daemon, fleet, "c%d" % rounds)
    for name, count, failed in fleet.stop():
        expect(count >= goal, "%s: only %d calls" % (name, count))
        t.figures.append("%s: %d calls, %d failed while something was taken away" % (name, count, failed))
    t.figures.append("%d changes back and forth, %d times taken away" % (rounds, fleet.taken_away))


def refusals(daemon, fleet, name):
    """What a client refuses costs no call, and both sides say the same of it; so does what mends it."""
    before = fleet.agree()
    expect(nacks(before) == 0, "something was refused: %s" % before)
    fleet.moves("blue", refused_cluster(name))
    after = fleet.agree(refused=[name])
    expect(nacks(after) >= len(fleet.callers), "refusals are counted: %s" % after)
    # What it was before is nothing to send to who still has it: then a client would go on telling of its refusal.
    fleet.moves("blue", limited(name, 999))
    fleet.agree()


def test_restart(t):
    """Python, C++ and Node: the daemon restarts under calls, nobody notices, and what changes afterwards arrives"""
    daemon = t.daemon()
    peer = Peer(t)
    ports = {name: int(peer.ask("backend", name).split()[1]) for name in ("blue", "green")}
    daemon.apply(api_listener("shop", "shop"), route("shop", "shop", prefix=""), cluster("shop"),
                 grpc_endpoints("shop", ports["blue"]))
    fleet = Fleet(t, daemon, "blue")
    fleet.wait_until("blue")
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    for caller in fleet.callers:
        caller.wait_for_requests(RATE // 2)
    daemon.start()
    fleet.agree()
    fleet.moves("green", grpc_endpoints("shop", ports["green"]))
    fleet.agree()
    fleet.stop()


def test_missing(t):
    """Python: calls fail at once for what is not there, with that reason, and go through when it is (XDS X5)"""
    daemon = t.daemon()
    peer = Peer(t)
    port = int(peer.ask("backend", "blue").split()[1])
    caller = Caller(t, "python", daemon, "xds:///shop", 20, ["failed"],
                    variables={"GRPC_EXPERIMENTAL_XDS_DATA_ERROR_HANDLING": "true"})
    # What calls lack, one after the other, and what the client says of it.
    steps = [("LDS resource shop: there is no resource of this name",
              [api_listener("shop", "shop"), route("shop", "shop", prefix=""), cluster("shop")]),
             ("EDS resource shop: there is no resource of this name", [grpc_endpoints("shop", port)])]
    for reason, resources in steps:
        wait_for(lambda: caller.results and reason.replace(" ", "_") in caller.results[-1][2],
                 lambda: "calls fail for \"%s\": %s %s" % (reason, caller.results[-1:], caller.config()), 10)
        if resources == steps[-1][1]:
            caller.expect_from_now("failed", "blue")
        daemon.apply(*resources)
    caller.wait_until("blue")
    slowest = max(end - start for start, end, _ in caller.results)
    # It would wait for 15 s for each otherwise.
    expect(slowest < 5, "a call took %.1f s" % slowest)
    expect(set(caller.config().values()) == {"ACKED"}, "the client has %s" % caller.config())
    count, _ = caller.stop()
    t.figures.append("%d calls, the slowest %.0f ms" % (count, slowest * 1000))
