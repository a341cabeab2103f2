"""What the tests that crash things have in common: a steady load, its ledger, and what must be stored after a crash."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from harness import expect, wait_for

RATE = 200  # changes a second
WRITERS = 8


class Load:
    """Changes at a steady rate through one daemon, whatever becomes of that daemon; a resource of its own each."""

    def __init__(self, test, daemon, name="load"):
        self.test = test
        self.daemon = daemon
        self.ledger = os.path.join(test.folder, name + ".ledger")
        open(self.ledger, "w").close()
        self.process = test.spawn(name, [test.tool("applier"), "run", daemon.socket, self.ledger, name, str(WRITERS),
                                         str(RATE)])
        self._read_to = 0  # what follows in the ledger is not in these two yet
        self._sent, self._acked = set(), {}
        self._repeats = [0, 0]  # acknowledged after more than one try; of these, written by an earlier one
        self._measured = [0, 0.0]  # changes, seconds

    def read(self):
        """(ids sent, id -> revision acknowledged) so far."""
        self._read_on()
        return set(self._sent), dict(self._acked)

    def _read_on(self):
        with open(self.ledger) as f:
            f.seek(self._read_to)
            for line in f:
                if not line.endswith("\n"):
                    break  # the rest of it comes
                self._read_to += len(line)
                words = line.split()
                expect(words[0] != "refused", "a change was refused: " + line)
                if words[0] == "sent":
                    self._sent.add(words[1])
                else:
                    expect(words[1] not in self._acked, "acknowledged twice: " + line)
                    self._acked[words[1]] = int(words[2])
                    self._repeats[0] += int(words[4]) > 1
                    self._repeats[1] += words[3] == "REPEATED"

    def acknowledged(self):
        self._read_on()
        return len(self._acked)

    def wait_for_more(self, count, seconds=60):
        """Until that many more are acknowledged."""
        goal = self.acknowledged() + count
        wait_for(lambda: self.acknowledged() >= goal, lambda: "%d changes acknowledged; there are %d" % (
            goal, self.acknowledged()), seconds)

    def wait_for_next(self, seconds=60):
        """Until one is acknowledged that was not sent yet."""
        before, _ = self.read()
        wait_for(lambda: self.acknowledged() > 0 and not before.issuperset(self._acked),
                 "a change is acknowledged again", seconds)

    def measure(self, action):
        """Counts what is acknowledged meanwhile."""
        before, start = self.acknowledged(), time.monotonic()
        action()
        self._measured[0] += self.acknowledged() - before
        self._measured[1] += time.monotonic() - start

    def rate(self):
        """Changes a second while it was measured."""
        return self._measured[0] / self._measured[1]

    def stop(self):
        """Ends it; what is under way is answered first."""
        self.process.signal(signal.SIGTERM)
        expect(self.process.wait(30) == 0, "the applier failed: " + self.process.output()[-2000:])

    def repeats(self):
        """How many were acknowledged after more than one try, and how many of these an earlier one had written."""
        return tuple(self._repeats)

    def check_again(self):
        """Repeats every acknowledged request: the daemon knows each by its id, and writes nothing."""
        before = self.daemon.revision()
        verified = subprocess.run([self.test.tool("applier"), "verify", self.daemon.socket, self.ledger],
                                  capture_output=True, text=True, timeout=600)
        expect(verified.returncode == 0, "request ids were forgotten:\n" + verified.stdout[-2000:])
        expect(self.daemon.revision() == before, "repeating acknowledged requests wrote something")


class Stored:
    """What a store of Load's changes holds, read past the daemon."""

    def __init__(self, head, revisions, requests, resources, outbox, audit):
        self.head = head  # [revision, digest]
        self.revisions = revisions  # [number, request id, previous digest, digest], by number
        self.requests = requests  # [id, revision]
        self.resources = resources  # [name, revision of the last change]
        self.outbox = outbox  # revisions, by seq
        self.audit = audit  # revisions, by number

    @classmethod
    def on_sqlite(cls, folder):
        config = sqlite3.connect(os.path.join(folder, "config.db"))
        audit = sqlite3.connect(os.path.join(folder, "audit.db"))
        try:
            def rows(database, sql):
                return [list(row) for row in database.execute(sql)]
            return cls(
                rows(config, "SELECT revision, hex(digest) FROM head")[0],
                rows(config, "SELECT number, request_id, hex(previous_digest), hex(digest) FROM revision ORDER BY number"),
                rows(config, "SELECT id, revision FROM request"),
                rows(config, "SELECT k.name, r.changed_in FROM resource r JOIN resource_key k ON k.id = r.key"),
                [row[0] for row in rows(config, "SELECT revision FROM outbox ORDER BY seq")],
                [row[0] for row in rows(audit, "SELECT revision FROM audit_event ORDER BY number")])
        finally:
            config.close()
            audit.close()

    @classmethod
    def on_postgres(cls, database):
        # One statement sees one state.
        columns = [
            "(SELECT jsonb_build_array(revision, encode(digest, 'hex')) FROM config.head)",
            "(SELECT jsonb_agg(jsonb_build_array(number, request_id, encode(previous_digest, 'hex'), "
            "encode(digest, 'hex')) ORDER BY number) FROM config.revision)",
            "(SELECT jsonb_agg(jsonb_build_array(id, revision)) FROM config.request)",
            "(SELECT jsonb_agg(jsonb_build_array(k.name, r.changed_in)) FROM config.resource r "
            "JOIN config.resource_key k ON k.id = r.key)",
            "(SELECT jsonb_agg(revision ORDER BY seq) FROM config.outbox)",
            "(SELECT coalesce(jsonb_agg(revision ORDER BY number), '[]') FROM audit.event)"]
        return cls(*json.loads("".join(database.query("SELECT jsonb_build_array(%s)" % ", ".join(columns)))))

    def lost(self, acked):
        """The acknowledged requests that are not there as acknowledged."""
        requests = dict(self.requests)
        made = {request: number for number, request, _, _ in self.revisions}
        resources = dict(self.resources)
        return [request for request, revision in acked.items()
                if not requests.get(request) == made.get(request) == resources.get(request) == revision]

    def check(self, sent, acked):
        """Fails unless everything acknowledged is there, once, in one unbroken history."""
        lost = self.lost(acked)
        expect(not lost, "%d of %d acknowledged changes are lost, such as %s" % (len(lost), len(acked), sorted(lost)[:3]))
        numbers = [number for number, _, _, _ in self.revisions]
        expect(numbers == list(range(1, len(numbers) + 1)), "the revisions are not contiguous")
        last = self.revisions[-1][3] if numbers else None
        expect(not numbers or self.head == [numbers[-1], last], "the head is not the last revision")
        for before, after in zip(self.revisions, self.revisions[1:]):
            expect(after[2] == before[3], "the chain is broken at revision %d" % after[0])
        ids = [request for _, request, _, _ in self.revisions]
        expect(len(set(ids)) == len(ids), "a request id made two revisions")
        expect(sorted(ids) == sorted(request for request, _ in self.requests), "the request ids are not the revisions'")
        expect(set(ids) <= sent, "there are changes that nobody sent")
        expect(self.outbox == numbers, "the revisions do not have one event each")
        expect(self.audit == numbers[:len(self.audit)], "the audit log does not have each revision once, in order")


def check_sqlite(test, folder, sent, acked):
    """Checks a copy of a SQLite store that nobody has open, so that the store stays as the crash left it."""
    copy = tempfile.mkdtemp(prefix="copy.", dir=test.folder)
    store = os.path.join(copy, "store")
    shutil.copytree(folder, store, ignore=shutil.ignore_patterns("lost+found"))
    try:
        stored = Stored.on_sqlite(store)
        stored.check(sent, acked)
        verify(test, "--store.path", store)
    finally:
        shutil.rmtree(copy)
    return stored


def verify(test, *where):
    test.cli("db", "verify", *where, seconds=120)


def wait_for_audit(read, seconds=30):
    """Until the audit log has caught up with the revisions; returns what is stored then."""
    def caught_up():
        stored = read()
        return stored if stored.audit == [number for number, _, _, _ in stored.revisions] else None
    return wait_for(caught_up, "each revision is in the audit log", seconds)


def stop_still(process):
    """SIGSTOP, until none of its threads runs or waits for the disk."""
    process.signal(signal.SIGSTOP)

    def still():
        tasks = "/proc/%d/task" % process.pid
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "stat")) as f:
                if f.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True
    wait_for(still, "every thread has stopped")


def seconds_of(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def span(seconds):
    """"0.12 to 0.34 s"."""
    return "%.2f to %.2f s" % (min(seconds), max(seconds))
