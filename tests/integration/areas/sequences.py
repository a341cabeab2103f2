"""The sequences of tests/server/xds, which the engine's own tests play on a fake wire, over a real socket."""
import collections
import os
import shutil

from harness import Failure, expect

# As short as can be: the engine's tests have none, where a sequence does not name its own.
FLAGS = [argument for option in ("removal-grace", "removal-grace-opaque", "listener-drain")
         for argument in ("--xds.ordering." + option, "1ns")] + ["--validate.references", "warn"]


def play(t, name, flags, more):
    """Plays what can be played; returns (how many were played, why the others were not -> how many)."""
    daemon = t.daemon(name, FLAGS + flags)
    report = os.path.join(t.folder, name + ".report")
    environment = {**t.environment(), "SIGNALBOX_TEST_ADMIN": daemon.socket, "SIGNALBOX_TEST_XDS": daemon.xds, **more}
    process = t.spawn("sequences-" + name, [t.tool("sequences"), "-o", report], environment, pipe=True)
    played, skipped = 0, collections.Counter()
    last = ""
    for line in process.popen.stdout:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "play":
            played, last = played + 1, rest
        elif verb == "skip":
            skipped[rest.partition(": ")[2]] += 1
        elif verb == "restart":
            expect(daemon.stop() == 0, "the daemon did not end cleanly")
            if rest == "forgetful":
                shutil.rmtree(daemon.store)
            daemon.start()
            process.popen.stdin.write("done\n")
            process.popen.stdin.flush()
    if process.wait() != 0:
        with open(report) as f:
            text = f.read()
        steps = [line.strip() for line in text.splitlines() if ".seq:" in line]
        raise Failure("%s, after %s\n%s" % ("; ".join(dict.fromkeys(steps)), last, text[-8000:] + process.output()[-2000:]))
    expect(daemon.process.alive(), "the daemon ended")
    return played, skipped


def test_sequences(t):
    """the sequences hold over a real socket, each in its variants"""
    # Nothing is late where no time passes, however slow the machine.
    played, skipped = play(t, "quick", ["--xds.ordering.overrun-after", "1h"], {})
    total = played + sum(skipped.values())
    if t.long:
        waited, skipped = play(t, "waiting", [], {"SIGNALBOX_TEST_WAITS": "1"})
        played += waited
        del skipped["no time passes in it"]
    t.figures.append("%d of %d sequences and variants" % (played, total))
    t.figures += ["%d not: %s" % (count, why) for why, count in sorted(skipped.items())]
