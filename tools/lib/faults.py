"""Breaks of the program, made one at a time in a copy of the tree, each to be noticed by a test.

What tests/storage/faults/run and tests/server/xds/faults/run have in common: the lists of breaks, the copy, its builds.
"""
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
PLACE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "signalbox", "faults")
TREE, OUTPUT = os.path.join(PLACE, "tree"), os.path.join(PLACE, "output")


class Fault:
    def __init__(self, what):
        self.what = what
        self.file = self.test = None
        self.old, self.new = [], []


def read(path):
    """The breaks of a list: a line of prose, "in FILE", "noticed by TEST", then "- old" and "+ new" lines."""
    faults = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("in "):
                faults[-1].file = line[3:]
            elif line.startswith("noticed by "):
                faults[-1].test = line[len("noticed by "):]
            elif line.startswith("- "):
                faults[-1].old.append(line[2:])
            elif line.startswith("+ ") or line == "+":
                faults[-1].new.append(line[2:])
            elif faults and not faults[-1].old:
                sys.exit("%s:%d: the break before has nothing to break" % (os.path.basename(path), number))
            else:
                faults.append(Fault(line))
    return faults


@contextlib.contextmanager
def tree():
    """The copy, which is like this tree; one process at a time has it. What did not change keeps its time."""
    os.makedirs(PLACE, exist_ok=True)
    with open(os.path.join(PLACE, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                               capture_output=True, text=True).stdout.split("\0")
        wanted = {name for name in names if name and os.path.isfile(os.path.join(ROOT, name))}
        for folder, folders, files in os.walk(TREE):
            folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
            for name in files:
                path = os.path.join(folder, name)
                if os.path.relpath(path, TREE) not in wanted:
                    os.remove(path)
        for name in sorted(wanted):
            source, target = os.path.join(ROOT, name), os.path.join(TREE, name)
            with open(source, "rb") as f:
                content = f.read()
            if os.path.exists(target):
                with open(target, "rb") as f:
                    if f.read() == content:
                        continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as f:
                f.write(content)
            shutil.copymode(source, target)
        yield


def build(config, targets, broken=False):
    """Builds in the copy; None, or the end of what the build said. What is broken is of no use to other builds."""
    done = subprocess.run(["tools/bazel", "--output_base=" + OUTPUT, "build", "--config=" + config, "--keep_going",
                           "--ui_event_filters=-info", "--show_progress_rate_limit=60",
                           *(["--noremote_upload_local_results"] if broken else []), *targets],
                          cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          text=True, errors="replace")
    return None if done.returncode == 0 else "\n".join(done.stdout.splitlines()[-40:])


@contextlib.contextmanager
def made(fault):
    """Has the break in the copy. Gives None, or why it cannot be made."""
    path = os.path.join(TREE, fault.file)
    with open(path) as f:
        content = f.read()
    old = "\n".join(fault.old)
    if content.count(old) != 1:
        yield "its old text stands in %s %d times, not once" % (fault.file, content.count(old))
        return
    try:
        with open(path, "w") as f:
            f.write(content.replace(old, "\n".join(fault.new)))
        yield None
    finally:
        with open(path, "w") as f:
            f.write(content)


def run(package, test, arguments, limit_seconds, environment=None):
    """Runs a test's binary of the copy: (its exit code, None where it did not end in time; what it printed; its
    test.xml, None where there is none)."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "test.xml")
        process = subprocess.Popen(
            [os.path.join(TREE, "bazel-bin", package, test), *arguments], cwd=folder, start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), "TEST_TMPDIR": folder, "XML_OUTPUT_FILE": report,
                 "LLVM_PROFILE_FILE": "/dev/null", **(environment or {})},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace")
        try:
            output = process.communicate(timeout=limit_seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0], None
        xml = None
        if os.path.exists(report):
            with open(report) as f:
                xml = f.read()
        return process.returncode, output, xml
