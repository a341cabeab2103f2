"""`signalbox demo`, as the README has it."""
import os
import re
import shutil
import signal

from harness import cached_envoy, expect, wait_for


def children_of(pid):
    """Pids of the processes whose parent is `pid`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(name))
            except (OSError, IndexError):
                pass  # it ended meanwhile
    return found


def test_script(t):
    """demo --script shows every step and exits 0"""
    result = t.cli("demo", "--script", "--envoy", cached_envoy(t.envoy_version), seconds=90)
    for part in ("ready after", "->  blue", "requests followed", "->  green", "SYNCED", "NACK",
                 "must be the last filter", "0 failed", "nothing is left behind"):
        expect(part in result.stdout, "it does not say \"%s\":\n%s%s" % (part, result.stdout, result.stderr))


def test_without_envoy(t):
    """demo says what to do where there is no Envoy"""
    result = t.cli("demo", "--script", "--envoy", "/nowhere/envoy", expected=1)
    expect("tools/setup" in result.stderr, result.stderr)


def start_demo(t):
    demo = t.spawn("demo", [t.binary, "demo", "--envoy", cached_envoy(t.envoy_version)])
    wait_for(lambda: "Ctrl-C" in demo.output() or not demo.alive(), lambda: "the tour is over:\n" + demo.output(), 60)
    expect(demo.alive(), "the demo ended:\n" + demo.output())
    children = children_of(demo.pid)
    expect(len(children) == 2, "it has %d child processes" % len(children))
    return demo, children


def test_interrupt(t):
    """Ctrl-C ends demo cleanly, with all that it started"""
    demo, children = start_demo(t)
    demo.signal(signal.SIGINT)
    expect(demo.wait() == 0, "it ended with %d:\n%s" % (demo.wait(), demo.output()))
    expect(not any(os.path.exists("/proc/%d" % pid) for pid in children), "children are left behind")


def test_killed(t):
    """what demo started dies with it when it is killed"""
    demo, children = start_demo(t)
    demo.kill()

    def gone(pid):
        try:
            with open("/proc/%d/stat" % pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True
    wait_for(lambda: all(gone(pid) for pid in children), "the daemon and Envoy are gone")
    # Its folder is all that nobody is left to remove.
    shutil.rmtree(re.search(r"/tmp/signalbox-demo\.\w+", demo.output()).group())
