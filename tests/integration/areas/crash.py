"""kill -9 under a loop of applies: what was acknowledged is there."""
import json
import signal
import subprocess
import time

from harness import expect, wait_for


def read_ledger(path):
    """(ids sent, id -> revision acknowledged) of a ledger; a last line that is cut off does not count."""
    sent, acked = [], {}
    with open(path) as f:
        for line in f:
            words = line.split()
            if line.endswith("\n") and words[0] == "sent":
                sent.append(words[1])
            elif line.endswith("\n") and words[0] == "acked":
                acked[words[1]] = int(words[2])
    return sent, acked


def test_kill(t):
    """kill -9 under applies loses nothing that was acknowledged, and revisions stay contiguous"""
    rounds = 50 if t.long else 15
    daemon = t.daemon()
    ledger = t.folder + "/ledger"
    open(ledger, "w").close()
    in_flight_rounds = 0
    for number in range(rounds):
        before = len(read_ledger(ledger)[0])
        applier = t.spawn("applier", [t.tool("applier"), "run", daemon.socket, ledger, "r%d" % number, "2"])
        wait_for(lambda: len(read_ledger(ledger)[0]) > before, "the applier is at work")
        time.sleep(t.random.uniform(0, 0.3))  # the moment of the kill is what is drawn here
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait()
        applier.wait()
        sent, acked = read_ledger(ledger)
        in_flight_rounds += any(request not in acked for request in sent[before:])
        daemon.start()
    sent, acked = read_ledger(ledger)
    expect(len(acked) > 5 * rounds, "only %d changes were acknowledged in %d rounds" % (len(acked), rounds))
    expect(in_flight_rounds * 2 >= rounds, "an apply was in flight in only %d of %d rounds" % (in_flight_rounds, rounds))

    resources = json.loads(daemon.cli("get", "endpoints", "-o", "json").stdout)["data"]
    revisions = {resource["name"]: resource["revision"] for resource in resources}
    expect(set(revisions) <= set(sent), "there are resources that nobody sent")
    lost = [name for name in acked if revisions.get(name) != acked[name]]
    expect(not lost, "%d of %d acknowledged changes are not there as acknowledged, such as %s" % (
        len(lost), len(acked), lost[:3]))
    # Every change made one resource, so the resources' revisions are the revisions.
    expect(sorted(revisions.values()) == list(range(1, len(revisions) + 1)), "the revisions are not contiguous")
    expect(daemon.revision() == len(revisions), "the head is %d with %d revisions" % (daemon.revision(), len(revisions)))

    verified = subprocess.run([t.tool("applier"), "verify", daemon.socket, ledger], capture_output=True, text=True,
                              timeout=120)
    expect(verified.returncode == 0, "request ids were forgotten:\n" + verified.stdout[-2000:])
    expect(daemon.revision() == len(revisions), "repeating acknowledged requests wrote something")
