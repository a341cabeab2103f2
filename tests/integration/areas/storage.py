"""What becomes of the stored: two backends, a history that was cut short, two daemons on one database."""
import json
import os
import shutil
import sqlite3
import subprocess

import wire
from harness import (Envoy, Failure, Peer, Postgres, Traffic, cluster, endpoints, expect, free_port, http, listener, route,
                     wait_for)

FILES = ("config.db", "config.db-wal", "config.db-shm")


def refused(t, daemon):
    """What a start says that must fail."""
    process = t.spawn(daemon.name, daemon.command())
    code = process.wait()
    output = process.output()
    expect(code not in (0, 8), "started or crashed (%d): %s" % (code, output[-2000:]))
    return output


def copy_config(source, target):
    """Puts `source`'s config.db, with what belongs to it, in the place of `target`'s."""
    for name in FILES:
        if os.path.exists(os.path.join(target, name)):
            os.remove(os.path.join(target, name))
        if os.path.exists(os.path.join(source, name)):
            shutil.copy(os.path.join(source, name), target)


def wait_for_witness(path, revision):
    """Until the witness file remembers that revision."""
    def remembered():
        try:
            with open(path) as f:
                return int(json.load(f)["revision"])
        except (OSError, ValueError):
            return -1
    wait_for(lambda: remembered() == revision, lambda: "%s says %d" % (path, remembered()))


def daemon_with_older(t):
    """A daemon that runs with one cluster, and the folder of its config.db as it was then."""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.stop()
    older = os.path.join(t.folder, "older")
    os.mkdir(older)
    copy_config(daemon.store, older)
    daemon.start()
    return daemon, older


def test_shortened(t):
    """an older config.db in the place of the newest is noticed, and adopted only when that is said"""
    daemon, older = daemon_with_older(t)
    daemon.apply(cluster("b"))
    daemon.apply(cluster("c"))
    wait_for_witness(os.path.join(daemon.store, "last-good.json"), 3)
    daemon.stop()

    copy_config(older, daemon.store)
    output = refused(t, daemon)
    expect("revisions 2 to 3 are missing" in output, "what is missing is not named: " + output[-2000:])
    expect("signalbox db adopt --yes" in output, "it is not said how to go on: " + output[-2000:])
    t.cli("db", "adopt", *daemon.store_flags(), "--config", daemon.config, expected=2)
    expect("are missing" in refused(t, daemon), "a refused adoption has changed something")
    t.cli("db", "adopt", "--yes", *daemon.store_flags(), "--config", daemon.config)
    daemon.start()
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/a\n", "the older content is not there")
    daemon.apply(cluster("d"))
    expect(daemon.revision() == 2, "the next revision is %d" % daemon.revision())


def test_lost_log(t):
    """a write-ahead log that is lost after kill -9 is noticed"""
    daemon, older = daemon_with_older(t)
    daemon.apply(cluster("b"))
    wait_for_witness(os.path.join(daemon.store, "last-good.json"), 2)
    daemon.process.kill()
    # The file as it was when its log was empty, and no log.
    copy_config(older, daemon.store)
    expect("revision 2 is missing" in refused(t, daemon), "the loss is not noticed: " + daemon.process.output()[-500:])


def everything(daemon):
    """All that the daemon has of the store, with each resource's content, revision and etag."""
    return [json.loads(daemon.cli("get", kind, "-o", "json").stdout)["data"]
            for kind in ("cluster", "endpoints", "listener", "route")]


def clusters_told(peer, daemon, has=""):
    """How many clusters a proxy is told of that says it has that version; None: it is not answered."""
    request = wire.sotw_request(wire.CLUSTER, wire.node("fresh")) + (wire.field(1, has) if has else b"")
    answers = peer.ask("raw", daemon.xds, wire.SOTW, 700, request.hex()).split(" ", 3)[2]
    return None if answers == "-" else len(wire.fields(bytes.fromhex(answers.split(",")[0])).get(2, []))


def change_in_log(t, daemon, change, revision):
    """Has the daemon killed with `change` in its write-ahead log only, and the store's files set aside; returns where."""
    config = os.path.join(daemon.store, "config.db")
    # Who reads keeps the log from being moved into the file.
    reader = sqlite3.connect("file:%s?mode=ro" % config, uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT revision FROM head").fetchall()
    change()
    wait_for_witness(os.path.join(daemon.store, "last-good.json"), revision)
    daemon.process.kill()
    aside = os.path.join(t.folder, "killed")
    shutil.copytree(daemon.store, aside)
    reader.close()
    os.remove(os.path.join(aside, "config.db-shm"))
    expect(os.path.getsize(os.path.join(aside, "config.db-wal")) > 0, "the change is not in the log")
    return aside


def used_bytes(log):
    """The bytes of a write-ahead log up to the end of its first transaction; what follows may be older than it."""
    with open(log, "rb") as f:
        content = f.read()
    page = int.from_bytes(content[8:12], "big")
    at = 32
    while at < len(content):
        pages_after_commit = int.from_bytes(content[at + 4:at + 8], "big")
        at += 24 + page
        if pages_after_commit:
            return at
    raise Failure("%s holds no transaction" % log)


def put_back(aside, daemon):
    shutil.rmtree(daemon.store)
    shutil.copytree(aside, daemon.store)


def flip(path, bit):
    with open(path, "r+b") as f:
        f.seek(bit // 8)
        byte = f.read(1)[0]
        f.seek(bit // 8)
        f.write(bytes([byte ^ (1 << bit % 8)]))


def test_damaged_log(t):
    """a write-ahead log that is deleted, halved or flipped after kill -9 is noticed, and proxies keep what they have"""
    daemon = t.daemon()
    ports = t.upstreams("blue", "green")
    port = free_port()
    daemon.apply(endpoints("web", ports["blue"]), cluster("web"), route("web", "web"), listener("web", port, "web"))
    envoy = Envoy(t, daemon, "delta", "edge-1")
    traffic = Traffic(t, "web", port, 100, ["failed", "blue"])
    traffic.wait_until("blue")
    aside = change_in_log(t, daemon, lambda: traffic.change(
        lambda: daemon.apply(endpoints("web", ports["green"])), "blue", "green"), 2)
    log = os.path.join(daemon.store, "config.db-wal")

    def halve():
        os.truncate(log, used_bytes(log) // 2)
    for name, damage in (("deleted", lambda: os.remove(log)), ("halved", halve),
                         ("flipped", lambda: flip(log, 8 * (used_bytes(log) // 2)))):
        put_back(aside, daemon)
        damage()
        output = refused(t, daemon)
        expect("revision 2 is missing" in output.splitlines()[-1], "%s: %s" % (name, output[-2000:]))
        expect("signalbox db adopt --yes" in output, "%s: it is not said how to go on" % name)
    put_back(aside, daemon)
    statistics = "^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$"
    before = envoy.stats(statistics)
    daemon.start()
    wait_for(lambda: daemon.nodes().get("edge-1", {}).get("state") == "SYNCED",
             lambda: "edge-1 is SYNCED: %s" % daemon.nodes())
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())
    expect(before == envoy.stats(statistics), "Envoy changed something when the daemon was back")
    traffic.wait_for_requests(50)
    traffic.stop()


def test_damaged_file(t):
    """damage that is found in SQLite's file while it runs: changes are refused, proxies are served, the commands help"""
    daemon = t.daemon()
    large = cluster("large")
    large["spec"]["alt_stat_name"] = "needle" * 3000  # on pages of its own, which no other change writes again
    daemon.apply(large)
    daemon.stop()
    backup = os.path.join(t.folder, "backup")
    t.cli("db", "backup", backup, *daemon.store_flags(), "--config", daemon.config)
    daemon.start()
    peer = Peer(t)
    path = os.path.join(daemon.store, "config.db")
    with open(path, "rb") as f:
        place = f.read().rfind(b"needle" * 100)
    expect(place > 0, "the body is not in the file")
    flip(path, 8 * place)
    daemon.apply(cluster("b"))  # judged by what is in memory
    refusal = "{kind: cluster, name: c, spec: {type: STATIC}}"
    # What is read after a change is read from the file again.
    read = daemon.cli("get", "cluster", expected=None)
    expect(read.returncode != 0 and "damaged" in read.stderr, "the damage is not found: %s%s" % (read.stdout, read.stderr))
    answer = daemon.cli("apply", "-f", "-", stdin=refusal, expected=None)
    expect(answer.returncode != 0 and "read-only since damage was found" in answer.stderr, "apply says " + answer.stderr)
    wait_for(lambda: daemon.metrics()["signalbox_store_unfollowed"] == 1, "the metric tells")
    expect("read-only since damage was found" in daemon.cli("status").stdout, "status does not tell")
    expect(clusters_told(peer, daemon) == 2, "a new proxy is not served from memory")
    told = next((line for line in daemon.process.output().splitlines() if "cannot publish" in line), "")
    commands = told.split("`")[1::2]
    expect(len(commands) == 3, "the commands are not told: " + told)
    daemon.stop()
    for command in commands[:2]:
        command = command.replace("signalbox ", t.binary + " ").replace("BACKUP", backup)
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=t.environment())
        expect(done.returncode == 0, "%s: %s" % (command, done.stderr))
    expect("revision 2 is missing" in refused(t, daemon), "it is not said what the backup lacks")
    expect(commands[2] == "signalbox db adopt --yes", "the last command is " + commands[2])
    t.cli("db", "adopt", "--yes", *daemon.store_flags(), "--config", daemon.config)
    daemon.start()
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/large\n", "the backup is not served")


def test_flipped_bits(t):
    """a store with bits flipped or its log cut by chance is refused or serves what was applied, nothing else"""
    daemon = t.daemon()
    for number in range(4):
        daemon.apply(endpoints("web", 1000 + number), cluster("web"), cluster("c%d" % number), route("web", "web"))
    aside = change_in_log(t, daemon, lambda: daemon.apply(endpoints("web", 2000), cluster("last")), 5)
    put_back(aside, daemon)
    daemon.start()
    applied = everything(daemon)
    daemon.process.kill()
    noticed = 0
    for number in range(20 if t.long else 4):
        put_back(aside, daemon)
        path = os.path.join(daemon.store, t.random.choice(("config.db", "config.db-wal")))
        if path.endswith("-wal") and t.random.random() < 0.5:
            what = "cut to %d bytes" % t.random.randrange(os.path.getsize(path))
            os.truncate(path, int(what.split()[2]))
        else:
            bits = [t.random.randrange(8 * os.path.getsize(path)) for _ in range(t.random.choice((1, 8)))]
            what = "with the bits %s flipped" % bits
            for bit in bits:
                flip(path, bit)
        what = "%s %s" % (os.path.basename(path), what)
        daemon.process = t.spawn("damaged", daemon.command())
        started = wait_for(lambda: "ended" if not daemon.process.alive() else daemon._ready() and "serves",
                           "it starts or ends, " + what, 20)
        output = daemon.process.output()
        if started == "ended":
            noticed += 1
            expect(daemon.process.wait() > 0 and "error: " in output, "%s: it crashed: %s" % (what, output[-2000:]))
            continue
        # Where a record cannot be read the answer is an error, never other content.
        answer = daemon.cli("get", "cluster", "-o", "name", expected=None)
        if answer.returncode == 0:
            expect(everything(daemon) == applied, "%s: what is served was altered" % what)
        daemon.process.kill()
    print("  %d of %d damages were noticed at the start; the others were harmless" % (noticed, number + 1))


def test_other_database(t):
    """another, an empty or no database in the place of PostgreSQL's: noticed, not adopted by itself, proxies keep theirs"""
    database = Postgres(t)
    key = ["--secrets.key_file", os.path.join(t.folder, "secrets.key")]
    ports = t.upstreams("blue", "green")
    port = free_port()
    # Other fleets' databases: one with content, one without.
    other = t.daemon("other", arguments=key, url=database.url_of("fleet"))
    other.apply(endpoints("web", ports["green"]), cluster("web"), route("web", "web"), listener("web", port, "web"))
    other.stop()
    database.rename("fleet", "other")
    database.query("CREATE DATABASE fleet", "postgres")
    t.daemon("empty", arguments=key, url=database.url).stop()
    database.rename("fleet", "empty")
    database.query("CREATE DATABASE bare", "postgres")
    database.query("CREATE DATABASE fleet", "postgres")

    daemon = t.daemon(arguments=key, url=database.url)
    daemon.apply(endpoints("web", ports["blue"]), cluster("web"), route("web", "web"), listener("web", port, "web"))
    envoy = Envoy(t, daemon, "delta", "edge-1")
    peer = Peer(t)
    traffic = Traffic(t, "web", port, 100, ["failed", "blue"])
    traffic.wait_until("blue")
    witness = os.path.join(daemon.folder, "state/last-good.json")
    wait_for_witness(witness, 1)
    with open(witness) as f:
        remembered = f.read()
    sent = "signalbox_response_resources_total"

    def counted():
        return {name: value for name, value in daemon.metrics().items() if name.startswith(sent)}

    def becomes(metric, value):
        wait_for(lambda: daemon.metrics()["signalbox_store_" + metric] == value, "%s is %d" % (metric, value), 20)

    def wrong(name, words, unadopted):
        """With the database `name` in the place of the right one nothing is pushed, and everything says why."""
        before = counted()
        database.rename("fleet", "own")
        database.rename(name, "fleet")
        if unadopted:
            becomes("unadopted", 1)
        wait_for(lambda: words in http("http://%s/readyz" % daemon.http)[1], "%s: /readyz says why" % name, 20)
        expect("1: store: " in daemon.cli("status").stdout, "%s: status does not tell" % name)
        expect(words in daemon.cli("status", "-o", "json").stdout, "%s: status does not say why" % name)
        refusal = daemon.cli("apply", "-f", "-", stdin="{kind: cluster, name: b, spec: {type: STATIC}}", expected=None)
        expect(refusal.returncode not in (0, 2) and words in refusal.stderr, "%s: apply: %s" % (name, refusal.stderr))
        # Who comes now gets what is served, not what the database has.
        expect(clusters_told(peer, daemon) == 1, "%s: a new proxy is not told of the one cluster" % name)
        traffic.wait_for_requests(30)
        before[sent + '{type="cluster"}'] += 1
        expect(counted() == before, "%s: something was pushed: %s, then %s" % (name, before, counted()))
        with open(witness) as f:
            expect(f.read() == remembered, "%s: the witness was written" % name)
        told = [line for line in daemon.process.output().splitlines() if "cannot publish" in line and words in line]
        expect(len(told) == 1, "%s: told %d times: %s" % (name, len(told), told))

    def right(name):
        database.rename("fleet", name)
        database.rename("own", "fleet")
        becomes("unfollowed", 0)
        becomes("unadopted", 0)

    wrong("other", "at revision 1, while store", True)
    right("other")
    wrong("empty", "at revision 0, while store", True)
    right("empty")
    wrong("bare", "the database is empty, another one, or damaged", False)
    right("bare")

    # The same store as it was before: what was applied since is lost, which is told; what did not change is not sent.
    database.copy("fleet", "older")
    traffic.change(lambda: daemon.apply(endpoints("web", ports["green"])), "blue", "green")
    database.rename("fleet", "newer")
    before = counted()
    traffic.change(lambda: database.rename("older", "fleet"), "green", "blue")
    expect(daemon.metrics()["signalbox_store_forks_total"] == 1, "the fork is not counted")
    expect("changes may be lost" in daemon.process.output(), "the fork is not told")
    after = counted()
    grown = {name for name in after if after[name] != before[name]}
    expect(grown == {sent + '{type="endpoints"}'}, "unchanged resources were sent: %s" % grown)

    # Adopted while the daemon runs.
    database.rename("fleet", "own")
    traffic.expect_from_now("blue", "green")
    database.rename("other", "fleet")
    becomes("unadopted", 1)
    t.cli("db", "adopt", *daemon.store_flags(), *key, "--config", daemon.config, expected=2)
    t.cli("db", "adopt", "--yes", *daemon.store_flags(), *key, "--config", daemon.config)
    traffic.wait_until("green")
    becomes("unadopted", 0)
    daemon.apply(cluster("new"))
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())
    traffic.wait_for_requests(30)
    traffic.stop()
    expect(envoy.process.alive(), "Envoy ended")
    # The witness went with it: the daemon starts again.
    wait_for(lambda: json.load(open(witness))["revision"] == 2, "the witness follows")
    daemon.stop()
    daemon.start()


def test_left_behind(t):
    """a PostgreSQL that a failover has left behind is not connected to; another cluster is, and looked at"""
    database = Postgres(t)
    daemon = t.daemon(url=database.url)
    daemon.apply(cluster("a"))
    database.stop()
    older, newer = database.data + ".older", database.data + ".newer"
    subprocess.run(["cp", "-a", database.data, older], check=True)
    with open(os.path.join(database.data, "standby.signal"), "w"):
        pass
    database.start()
    database.promote()

    def applies(name):
        change = "{kind: cluster, name: %s, spec: {type: STATIC}}" % name
        return daemon.cli("apply", "-f", "-", stdin=change, expected=None).returncode == 0
    wait_for(lambda: applies("b"), "a change is taken by the new primary", 20)
    wait_for(lambda: daemon.metrics()["signalbox_revision"] == 2, "the change is served")
    database.stop()
    os.rename(database.data, newer)
    os.rename(older, database.data)
    database.start()
    wait_for(lambda: "a failover has left it behind" in http("http://%s/readyz" % daemon.http)[1],
             lambda: "it is told: " + http("http://%s/readyz" % daemon.http)[1], 20)
    expect(not applies("c"), "a change was written to the old primary")
    expect(daemon.metrics()["signalbox_store_forks_total"] == 0 and daemon.metrics()["signalbox_revision"] == 2,
           "the old primary's history is followed")
    database.stop()
    os.rename(database.data, older)
    another = Postgres(t)
    another.stop()
    os.rename(another.data, database.data)
    database.start()
    wait_for(lambda: "a table is missing" in http("http://%s/readyz" % daemon.http)[1],
             lambda: "it is told: " + http("http://%s/readyz" % daemon.http)[1], 20)
    database.stop()
    os.rename(database.data, another.data)
    os.rename(newer, database.data)
    database.start()
    wait_for(lambda: applies("c"), "a change is taken by the right one again", 20)
    expect(daemon.revision() == 3, "the head is %d" % daemon.revision())


def test_empty_store(t):
    """of an empty store a proxy that has something hears nothing, until the store is adopted or changed"""
    daemon = t.daemon()
    peer = Peer(t)
    expect(clusters_told(peer, daemon) == 0, "who has nothing is not answered")
    expect(clusters_told(peer, daemon, has="v7") is None, "who has something is answered")
    daemon.stop()
    t.cli("db", "adopt", "--yes", *daemon.store_flags(), "--config", daemon.config)
    daemon.start()
    peer = Peer(t, "another-peer")  # the first one's channel waits before it connects again
    expect(clusters_told(peer, daemon, has="v7") == 0, "who has something is not told that it goes")
    daemon.apply(cluster("a"))
    expect(clusters_told(peer, daemon, has="v7") == 1, "who has something is not told of the change")


def test_lost_file(t):
    """a directory that has lost its config.db is refused"""
    daemon = t.daemon()
    daemon.apply(cluster("a"))
    daemon.stop()
    for name in FILES:
        if os.path.exists(os.path.join(daemon.store, name)):
            os.remove(os.path.join(daemon.store, name))
    output = refused(t, daemon)
    expect("config.db is missing" in output, "config.db is not named: " + output[-2000:])
    expect(not os.path.exists(os.path.join(daemon.store, "config.db")), "an empty config.db was made")


def test_postgres_restart(t):
    """on PostgreSQL what was applied is there after a restart and after kill -9"""
    database = Postgres(t)
    daemon = t.daemon(url=database.url)
    daemon.apply(cluster("a"))
    status = json.loads(daemon.cli("status", "-o", "json").stdout)["data"]["store"]
    expect(status["standbys"] == {"synchronous": "", "connected": 0}, "status says %s" % status)
    daemon.process.kill()
    daemon.start()
    daemon.apply(cluster("b"))
    expect(daemon.stop() == 0, "the daemon did not end cleanly")
    daemon.start()
    expect(daemon.cli("get", "cluster", "-o", "name").stdout == "cluster/a\ncluster/b\n", "something is gone")
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())
    events = "SELECT revision FROM audit.event ORDER BY number"
    wait_for(lambda: database.query(events) == ["1", "2"], lambda: "each change has its event: %s" % database.query(events))


def test_postgres_away(t):
    """PostgreSQL goes away: the daemon stays ready, refuses changes, and goes on when it is back"""
    database = Postgres(t)
    daemon = t.daemon(url=database.url)
    daemon.apply(cluster("a"))
    database.process.kill()
    result = daemon.cli("--timeout", "30s", "apply", "-f", "-", stdin="{kind: cluster, name: b, spec: {type: STATIC}}",
                        expected=7)
    expect(result.stderr, "nothing is said")
    expect(http("http://%s/readyz" % daemon.http)[0] == 200, "not ready without the database")
    database.start()

    def applied():
        return daemon.cli("apply", "-f", "-", stdin="{kind: cluster, name: b, spec: {type: STATIC}}",
                          expected=None).returncode == 0
    wait_for(applied, "a change is taken again", 30)
    expect(daemon.revision() == 2, "the head is %d" % daemon.revision())


def test_two_daemons(t):
    """two daemons on one PostgreSQL: a change through one reaches an Envoy at the other, which may move between them"""
    database = Postgres(t)
    key = ["--secrets.key_file", os.path.join(t.folder, "secrets.key")]  # all instances need the same one
    one = t.daemon("one", arguments=key, url=database.url)
    two = t.daemon("two", arguments=key, url=database.url)
    ports = t.upstreams("blue", "green")
    port = free_port()
    one.apply(endpoints("web", ports["blue"]), cluster("web"), route("web", "web"), listener("web", port, "web"))
    envoy = Envoy(t, two, "delta", "edge-1")
    traffic = Traffic(t, "web", port, 100, ["failed", "blue"])
    traffic.wait_until("blue")
    traffic.change(lambda: one.apply(endpoints("web", ports["green"])), "blue", "green")

    # With LISTEN cut the poll brings it.
    cut = database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                         "WHERE application_name = 'signalbox listener'")
    expect(cut == ["t", "t"], "of two listeners %s were cut" % cut)
    traffic.change(lambda: one.apply(endpoints("web", ports["blue"])), "green", "blue")
    wait_for(lambda: one.revision() == two.revision() == 3, "both are at revision 3")

    # The proxy goes to the other daemon, which listens where this one did.
    before = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    one.stop()
    two.stop()
    one.xds = two.xds
    one.start()
    wait_for(lambda: one.nodes().get("edge-1", {}).get("state") == "SYNCED", lambda: "edge-1 is SYNCED: %s" % one.nodes())
    sent = {name: value for name, value in one.metrics().items()
            if name.startswith("signalbox_response_resources_total") and value}
    expect(not sent, "resources were sent again: %s" % sent)
    after = envoy.stats("^(cluster_manager.cluster|listener_manager.listener)_(added|modified|removed)$")
    expect(before == after, "Envoy changed something: %s, then %s" % (before, after))
    traffic.wait_for_requests(50)
    traffic.stop()


def test_slow_statement(t):
    """a statement that takes longer than the threshold is logged by its name, on both backends"""
    for name, url in (("on-sqlite", None), ("on-postgres", Postgres(t).url)):
        daemon = t.daemon(name, arguments=["--store.slow_query", "1ns"], url=url)
        daemon.apply(cluster("a"))
        lines = [json.loads(line) for line in daemon.process.output().splitlines() if line.startswith("{")]
        slow = {line.get("statement") for line in lines if line.get("message") == "slow query"}
        expect(any(statement and "head" in statement for statement in slow), "%s logs %s" % (name, slow))
        daemon.stop()


SECRET = "{kind: secret, name: %s, spec: {generic_secret: {secret: {inline_string: %s}}}}"


def on_both(t):
    """A daemon on each backend: (name, daemon)."""
    yield "SQLite", t.daemon("on-sqlite")
    key = ["--secrets.key_file", os.path.join(t.folder, "secrets.key")]
    yield "PostgreSQL", t.daemon("on-postgres", arguments=key, url=Postgres(t).url)


def test_lists(t):
    """labels of manifests are stored, shown and filtered by, and the history is listed, on both backends"""
    for name, daemon in on_both(t):
        daemon.apply(dict(cluster("a"), labels={"env": "prod"}), dict(cluster("b"), labels={"env": "test"}), cluster("c"))
        daemon.apply(dict(cluster("d"), labels={"env": "prod", "tier": "edge"}))

        def listed(*words):
            return daemon.cli("get", "cluster", *words, "-o", "name").stdout.split()
        expect(listed("-l", "env=prod") == ["cluster/a", "cluster/d"], "%s: %s" % (name, listed("-l", "env=prod")))
        expect(listed("--filter", "label.env=prod AND changed_since=1") == ["cluster/d"], name)
        expect(listed("-l", "env=prod", "-l", "tier=edge") == ["cluster/d"], name)
        expect(listed("--filter", "group=default") == ["cluster/" + c for c in "abcd"], name)
        expect("env=prod,tier=edge" in daemon.cli("get", "cluster/d").stdout, "%s does not show labels" % name)
        data = json.loads(daemon.cli("get", "cluster/d", "-o", "json").stdout)["data"]
        expect(data["labels"] == {"env": "prod", "tier": "edge"}, "%s: %s" % (name, data))
        refusal = daemon.cli("get", "cluster", "--filter", "labels.env=prod", expected=6).stderr
        expect("did you mean \"label.env\"?" in refusal, "%s: %s" % (name, refusal))

        expect(daemon.cli("history", "-o", "name").stdout == "revision/2\nrevision/1\n", name)
        expect(daemon.cli("history", "cluster/d", "-o", "name").stdout == "revision/2\n", name)
        daemon.stop()


def test_secrets(t):
    """a secret is in no file, log or list, and is read when asked for, which stands in the audit log, on both backends"""
    hidden = "opensesame"
    for name, daemon in on_both(t):
        manifest = SECRET % ("token", hidden)
        daemon.cli("apply", "-f", "-", stdin=manifest)
        for words in (["get", "secret"], ["get", "secret/token", "-o", "json"], ["get", "secret", "-o", "yaml"]):
            expect(hidden not in daemon.cli(*words).stdout, "%s shows it: %s" % (name, words))
        expect(hidden in daemon.cli("get", "secret/token", "--reveal", "-o", "json").stdout, "%s does not reveal" % name)
        bad = SECRET % ("token", "[%s]" % hidden)
        daemon.cli("apply", "-f", "-", stdin=bad, expected=6)
        expect(daemon.stop() == 0, "%s did not end cleanly" % name)
        expect(hidden not in daemon.process.output(), "%s logs it" % name)
        if daemon.url is None:
            for folder, _, files in os.walk(daemon.store):
                for file in files:
                    with open(os.path.join(folder, file), "rb") as f:
                        expect(hidden.encode() not in f.read(), "it is in %s" % file)


def test_rotate_key(t):
    """a key rotation that is killed leaves every secret readable, and after one the new key alone is enough, on both"""
    for name, daemon in on_both(t):
        secrets = ["s%03d" % i for i in range(300)]
        for begin in range(0, 300, 100):
            daemon.cli("apply", "-f", "-", stdin="\n---\n".join(SECRET % (s, "of-" + s) for s in secrets[begin:begin + 100]))
        before = daemon.cli("history", "-o", "json").stdout
        daemon.cli("db", "rotate-key", *daemon.store_flags(), *daemon.arguments, "--config", daemon.config, expected=5)
        expect(daemon.stop() == 0, "%s did not end cleanly" % name)

        def rotate(*words, expected=0):
            return t.cli("db", "rotate-key", *words, *daemon.store_flags(), *daemon.arguments, "--config", daemon.config,
                         "-o", "json", expected=expected)

        def all_readable():
            daemon.start()
            found = json.loads(daemon.cli("--timeout", "30s", "get", "secret", "--reveal", "-o", "json").stdout)["data"]
            bodies = {s["name"]: s["spec"]["generic_secret"]["secret"]["inline_string"] for s in found}
            expect(bodies == {s: "of-" + s for s in secrets}, "%s: not every secret is as it was" % name)
            expect(daemon.cli("history", "-o", "json").stdout == before, "%s: the history is another" % name)
            daemon.stop()
        for kill in range(4):
            process = t.spawn("rotate-%s-%d" % (name, kill),
                              [t.binary, "db", "rotate-key", *daemon.store_flags(), *daemon.arguments, "--config",
                               daemon.config], env=t.environment())
            try:
                process.wait(0.02 + 0.02 * kill)
            except Failure:
                process.kill()
        all_readable()
        rotated = json.loads(rotate("--no-new-key").stdout)["data"]
        file = daemon.arguments[1] if daemon.arguments else os.path.join(daemon.store, "secrets.key")
        with open(file) as f:
            keys = [line.split()[1] for line in f if line.split()[0] in ("active", "older")]
        expect(keys[0] == rotated["keyId"], "%s: the active key is %s" % (name, keys[0]))
        for key in keys[1:]:
            rotate("--retire", key, "--yes")
        fresh = json.loads(rotate().stdout)["data"]
        expect(fresh["resealed"] == 300, "%s: %s" % (name, fresh))
        rotate("--retire", keys[0], "--yes")
        all_readable()
