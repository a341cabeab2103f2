"""Crashes under 200 changes a second: what was acknowledged is there, once, in one unbroken history."""
import json
import os
import signal
import time

from disk import Disk
from durability import Load, Stored, check_sqlite, seconds_of, span, stop_still, verify, wait_for_audit
from harness import Daemon, Postgres, expect


def run_on(t, load):
    """Lets the load go on until a moment drawn by chance."""
    load.wait_for_next()
    load.wait_for_more(40)  # what the last crash has held up is done
    load.measure(lambda: (load.wait_for_more(60), time.sleep(t.random.uniform(0, 0.3))))


def finish(t, load, crashes, read):
    """The load ends: everything acknowledged is in what `read` gives, and known by its id. Notes the figures."""
    load.wait_for_next()
    load.stop()
    sent, acked = load.read()
    wait_for_audit(read).check(sent, acked)
    load.check_again()
    again, written = load.repeats()
    t.figures += ["%d crashes" % crashes, "%d acknowledged, %.0f a second" % (len(acked), load.rate()), "0 lost",
                  "%d without an answer at first, of which %d were written" % (again, written)]


def test_kill(t):
    """kill -9 of the daemon under load on SQLite loses nothing that was acknowledged"""
    rounds = 100 if t.long else 10
    daemon = t.daemon()
    load = Load(t, daemon)
    ready = []
    for _ in range(rounds):
        run_on(t, load)
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait()
        check_sqlite(t, daemon.store, *load.read())
        ready.append(seconds_of(daemon.start))
    finish(t, load, rounds, lambda: Stored.on_sqlite(daemon.store))
    t.figures.append("ready after " + span(ready))


def cut_power(t, disk, daemon):
    """Ends the daemon and its disk at once; the disk comes back as the cut left it."""
    stop_still(daemon.process)
    copied = disk.copy()
    daemon.process.kill()
    disk.restart(copied)


def daemon_on(t, disk, binary, name="daemon"):
    daemon = Daemon(t, name)
    daemon.binary = binary
    daemon.store = os.path.join(disk.folder, "store")
    return daemon.start()


def test_power_cut(t):
    """a power cut under load on SQLite loses nothing that was acknowledged"""
    rounds = 20 if t.long else 3
    disk = Disk(t)
    daemon = daemon_on(t, disk, t.binary)
    load = Load(t, daemon)
    ready = []
    for _ in range(rounds):
        run_on(t, load)
        cut_power(t, disk, daemon)
        check_sqlite(t, daemon.store, *load.read())
        ready.append(seconds_of(daemon.start))
    finish(t, load, rounds, lambda: Stored.on_sqlite(daemon.store))
    t.figures.append("ready after " + span(ready))


def test_power_cut_sees_losses(t):
    """the same power cut finds losses where SQLite runs with synchronous=NORMAL"""
    rounds = 20 if t.long else 3
    lost = acknowledged = rounds_with_losses = cuts = 0
    # Now and then a cut falls right behind a checkpoint, and loses nothing.
    while cuts < rounds or lost == 0 and cuts < 4 * rounds:
        number, cuts = cuts, cuts + 1
        disk = Disk(t, name="disk%d" % number)
        daemon = daemon_on(t, disk, t.tool("signalbox_normal"), name="daemon%d" % number)
        daemon.stop()  # what it has made so far is flushed by the last checkpoint
        daemon.start()
        load = Load(t, daemon, name="load%d" % number)
        run_on(t, load)
        cut_power(t, disk, daemon)
        load.process.kill()
        _, acked = load.read()
        missing = Stored.on_sqlite(daemon.store).lost(acked)
        disk.unmount()
        lost += len(missing)
        acknowledged += len(acked)
        rounds_with_losses += bool(missing)
    expect(lost > 0, "none of %d acknowledged changes was lost in %d cuts: the cut shows nothing" % (acknowledged, cuts))
    t.figures += ["%d cuts" % cuts, "%d acknowledged" % acknowledged, "%d lost" % lost,
                  "losses in %d cuts" % rounds_with_losses]


def test_postgres_kill(t):
    """kill -9 of PostgreSQL under load loses nothing that was acknowledged"""
    rounds = 10 if t.long else 2
    database = Postgres(t, fsync=True)
    daemon = t.daemon(url=database.url)
    load = Load(t, daemon)
    again = []
    for _ in range(rounds):
        run_on(t, load)
        database.process.signal(signal.SIGKILL)
        database.process.wait()
        killed = time.monotonic()
        _, acked = load.read()
        database.start()
        load.wait_for_next()
        again.append(time.monotonic() - killed)
        stored = Stored.on_postgres(database)
        stored.check(load.read()[0], acked)
        verify(t, *daemon.store_flags(), "--config", daemon.config)
    finish(t, load, rounds, lambda: Stored.on_postgres(database))
    t.figures.append("changes again after " + span(again))


def test_postgres_failover(t):
    """kill -9 of PostgreSQL under load, whose synchronous standby takes over, loses nothing that was acknowledged"""
    rounds = 5 if t.long else 1
    primary = Postgres(t, fsync=True)
    standby = Postgres(t, fsync=True, follow=primary)
    daemon = t.daemon(url="%s,%s" % (primary.url, standby.folder))
    load = Load(t, daemon)
    again = []
    for number in range(rounds):
        if number > 0:
            primary, standby = standby, primary
            standby.follow(primary)
        run_on(t, load)
        status = json.loads(daemon.cli("status", "-o", "json").stdout)["data"]["store"]
        expect(status["standbys"] == {"synchronous": "ANY 1 (standby)", "connected": 1}, "status says %s" % status)
        primary.process.signal(signal.SIGKILL)
        primary.process.wait()
        killed = time.monotonic()
        _, acked = load.read()
        standby.promote()
        load.wait_for_next()
        again.append(time.monotonic() - killed)
        stored = Stored.on_postgres(standby)
        stored.check(load.read()[0], acked)
    finish(t, load, rounds, lambda: Stored.on_postgres(standby))
    t.figures.append("changes again after " + span(again))
