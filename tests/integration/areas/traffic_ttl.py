"""Times to live at a real Envoy: what has one stays while the daemon is heard of, and goes when it is not."""
from areas.traffic import wait_synced
from areas.traffic_types import of_envoy, runtime, RUNTIME
from harness import Envoy, cluster, endpoints, expect, wait_for

TTL_SECONDS = 3


def mortal(resource):
    return {**resource, "annotations": {"signalbox/ttl": "%ds" % TTL_SECONDS}}


def responses(daemon, kind):
    return sum(value for name, value in daemon.metrics().items()
               if name.startswith("signalbox_responses_total{") and 'type="%s"' % kind in name)


def members(envoy, name):
    """How many endpoints Envoy has of a cluster."""
    return envoy.stats("^cluster.%s.membership_total$" % name).get("cluster.%s.membership_total" % name)


def test_delta(t):
    """delta: with a time to live resources stay as long as the daemon runs, go without it and come back (XDS L1)"""
    daemon = t.daemon()
    first = [mortal(runtime("one")), mortal(cluster("mortal")), endpoints("mortal", 1), cluster("other"),
             mortal(endpoints("other", 2))]
    daemon.apply(*first)
    envoy = Envoy(t, daemon, "delta", "ttl", RUNTIME)

    def has():
        return of_envoy(envoy), envoy.clusters(), members(envoy, "other")
    everything = ("one", ["mortal", "other"], 1)
    wait_synced(daemon, "ttl")
    wait_for(lambda: has() == everything, lambda: "Envoy has %s" % (has(),))

    # Over two times to live it hears that they are meant, and has them all the time.
    goals = {kind: responses(daemon, kind) + 6 for kind in ("runtime", "cluster", "endpoints")}
    seen = set()

    def told():
        seen.add(repr(has()))
        return all(responses(daemon, kind) >= goal for kind, goal in goals.items())
    wait_for(told, lambda: "it is told of each: %s" % daemon.metrics(), 5 * TTL_SECONDS)
    expect(seen == {repr(everything)}, "while the daemon runs Envoy has %s" % sorted(seen))

    # One goes on without.
    daemon.apply(cluster("mortal"))
    wait_synced(daemon, "ttl")
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    # Endpoints stay: Envoy's clusters go on with what they have.
    wait_for(lambda: of_envoy(envoy) is None, lambda: "the runtime goes: %s" % (has(),), 5 * TTL_SECONDS)
    expect(has() == (None, *everything[1:]), "without the daemon Envoy has %s" % (has(),))
    daemon.start()
    wait_for(lambda: has() == everything, lambda: "and comes back: %s" % (has(),), 20)
    wait_synced(daemon, "ttl")

    # Killed: a cluster goes, too, and after it is back all is as before.
    daemon.apply(mortal(cluster("mortal")))
    wait_synced(daemon, "ttl")
    daemon.process.kill()
    wait_for(lambda: has() == (None, ["other"], 1), lambda: "they go: %s" % (has(),), 5 * TTL_SECONDS)
    daemon.start()
    wait_for(lambda: has() == everything, lambda: "they come back: %s" % (has(),), 20)
    wait_synced(daemon, "ttl")
    refused = {name: value for name, value in envoy.stats("update_rejected$").items() if value}
    expect(not refused, "Envoy says that it refused something: %s" % refused)
