"""Clients that stop reading while much is published: they cost nobody anything, and themselves a bound."""
import threading
import time

import h2
import wire
from harness import endpoints, expect, wait_for

STALLED = 8  # in each variant
BODY = 1 << 20
# What one of them may cost: the response under way, its copy in the connection's buffers, and what it has been sent.
MEMORY_EACH = 2 << 20
SLACK = 64 << 20


def big_route(number):
    """About a MiB that differs each time."""
    text = "%08d" % number
    return {"kind": "route", "name": "big", "spec": {"virtual_hosts": [{
        "name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text * (BODY // 8)}}}]}]}}


def resident(daemon):
    with open("/proc/%d/status" % daemon.process.pid) as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS:"))


class Watcher:
    """A client that asks for one small resource and answers at once; it knows when each change reached it."""

    def __init__(self, daemon, node):
        self.arrived = {}  # port -> when
        self._stream = h2.Stream(daemon.xds, wire.SOTW)
        self._stream.send(wire.sotw_request(wire.ENDPOINTS, wire.node(node), ["clock"]))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self):
        seen = 0
        while not self._stopped.wait(0.001):
            while seen < len(self._stream.messages):
                when, message = self._stream.messages[seen]
                seen += 1
                self.arrived[wire.port_of(wire.fields(message)[2][0])] = when
                self._stream.send(wire.sotw_answer(message, ["clock"]))

    def close(self):
        self._stopped.set()
        self._thread.join()
        self._stream.close()


def stalled_clients(daemon):
    streams = []
    for i in range(STALLED):
        for path, request in ((wire.SOTW, wire.sotw_request), (wire.DELTA, wire.delta_request)):
            stream = h2.Stream(daemon.xds, path, stalled=True)
            stream.send(request(wire.ROUTE, wire.node("stalled-%d" % len(streams)), ["big"]))
            streams.append(stream)
    return streams


class Publisher:
    """Publishes the big resource and the small one, and measures how long the small one takes to who reads."""

    def __init__(self, daemon, watcher):
        self.daemon, self.watcher = daemon, watcher
        self.number = 0
        self.peak = 0

    def publish(self, count):
        """The 99th percentile of the seconds, from before the change was asked for."""
        seconds = []
        for _ in range(count):
            self.number += 1
            port = 1000 + self.number
            start = time.monotonic()
            self.daemon.apply_once([big_route(self.number), endpoints("clock", port)], [])
            wait_for(lambda: port in self.watcher.arrived, "the change reaches who reads")
            seconds.append(self.watcher.arrived[port] - start)
            self.peak = max(self.peak, resident(self.daemon))
        return sorted(seconds)[len(seconds) * 99 // 100]


def test_stalled(t):
    """clients whose HTTP/2 window is 0 while MiBs are published cost a bounded memory, and others nothing (XDS S-17)"""
    count = 1000 if t.long else 30
    daemon = t.daemon()
    watcher = Watcher(daemon, "watcher")
    publisher = Publisher(daemon, watcher)
    alone = publisher.publish(count // 2 if t.long else count)
    before = publisher.peak
    streams = stalled_clients(daemon)
    wait_for(lambda: len(daemon.nodes()) == len(streams) + 1, "all are connected")
    beside = publisher.publish(count)
    grown = publisher.peak - before
    t.figures += ["%d clients, %d changes of 1 MiB" % (len(streams), count),
                  "%.0f MiB more" % (grown / (1 << 20)), "p99 %.0f ms, %.0f ms without them" % (beside * 1000, alone * 1000)]
    expect(grown < SLACK + MEMORY_EACH * len(streams), "the daemon grew by %d MiB" % (grown >> 20))
    expect(beside < 2 * alone + 1, "a change took %.3f s, and without them %.3f s" % (beside, alone))
    expect(not any(stream.messages for stream in streams), "somebody received something")

    # They read on: what was under way arrives, then the newest, and nothing in between.
    newest = ("%08d" % publisher.number).encode()
    for i, stream in enumerate(streams):
        stream.read_on()
        wait_for(lambda: stream.messages, "what was under way arrives")
        answer = wire.delta_answer if i % 2 else lambda message: wire.sotw_answer(message, ["big"])
        stream.send(answer(stream.messages[0][1]))
        wait_for(lambda: newest in stream.messages[-1][1], "the newest arrives", 20)
        expect(len(stream.messages) <= 2, "%d messages came" % len(stream.messages))
        stream.send(answer(stream.messages[-1][1]))
    wait_for(lambda: all(node["state"] == "SYNCED" for node in daemon.nodes().values()),
             lambda: "all are SYNCED: %s" % daemon.nodes())
    for stream in streams:
        stream.close()
    watcher.close()
