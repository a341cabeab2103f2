"""Which lines of a folder its unit tests run: clang's own counting, the union over all test binaries.

usage: coverage.py ROOT [--files] [FOLDER [PERCENT]]
"""
import argparse
import collections
import glob
import os
import subprocess
import sys
import tempfile

PROFDATA, COV = "llvm-profdata-14", "llvm-cov-14"
WORKSPACE = "/proc/self/cwd/"  # what bazel has the compiler call it


def bazel(root, *args, **kwargs):
    return subprocess.run(["tools/bazel", *args], cwd=root, stdin=subprocess.DEVNULL, **kwargs)


def run_tests(binaries, folder):
    """Runs the built tests one after the other, each with a profile of its own; the labels of those that failed."""
    failed = []
    for number, (label, binary) in enumerate(binaries.items()):
        home = os.path.join(folder, "tmp%d" % number)
        os.mkdir(home)
        environment = {"PATH": os.environ.get("PATH", ""), "TEST_TMPDIR": home, "TMPDIR": home,
                       "LLVM_PROFILE_FILE": os.path.join(folder, "%d.%%p.profraw" % number)}
        done = subprocess.run([binary], cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        print("%s %s" % ("ran" if done.returncode == 0 else "FAILED", label), file=sys.stderr, flush=True)
        if done.returncode != 0:
            print(done.stdout[-3000:], file=sys.stderr)
            failed.append(label)
    return failed


def lines_run(root, libraries, profile, folder):
    """(file -> lines that can run, file -> lines that ran) below the folder."""
    command = [COV, "export", "--format=lcov", "--instr-profile=" + profile, libraries[0]]
    for library in libraries[1:]:
        command += ["--object", library]
    text = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines, ran, name = collections.defaultdict(set), collections.defaultdict(set), None
    for line in text.splitlines():
        if line.startswith("SF:"):
            name = line[3:]
            if name.startswith(WORKSPACE):
                name = name[len(WORKSPACE):]
        elif line.startswith("DA:") and name.startswith(folder + "/"):
            number, count = line[3:].split(",")[:2]
            lines[name].add(int(number))
            if int(count) > 0:
                ran[name].add(int(number))
    return lines, ran


def main():
    parser = argparse.ArgumentParser(prog="tools/coverage")
    parser.add_argument("--files", action="store_true", help="a line a file too")
    parser.add_argument("folder", nargs="?", default="storage")
    parser.add_argument("percent", nargs="?", type=float, default=80)
    root, args = sys.argv[1], parser.parse_args(sys.argv[2:])
    folder = args.folder.strip("/")
    target = "//tests/%s/..." % folder
    query = bazel(root, "query", "--ui_event_filters=-info", "--noshow_progress", "tests(%s)" % target,
                  stdout=subprocess.PIPE, text=True)
    labels = query.stdout.split()
    if query.returncode != 0 or not labels:
        sys.exit("error: there are no tests in %s" % target)
    if bazel(root, "build", "--config=lines", "--ui_event_filters=-info", *labels, stdout=sys.stderr).returncode != 0:
        sys.exit("error: the tests do not build")
    output = bazel(root, "info", "--config=lines", "bazel-bin", stdout=subprocess.PIPE, text=True,
                   check=True).stdout.strip()
    binaries = {label: os.path.join(output, label[2:].replace(":", "/")) for label in labels}
    with tempfile.TemporaryDirectory() as place:
        failed = run_tests(binaries, place)
        profile = os.path.join(place, "all.profdata")
        raw = [os.path.join(place, name) for name in os.listdir(place) if name.endswith(".profraw")]
        subprocess.run([PROFDATA, "merge", "--sparse", "-o", profile, *raw], check=True)
        # Tests are linked with one shared library for each target.
        libraries = sorted(glob.glob(os.path.join(output, folder, "**", "lib*.so"), recursive=True))
        lines, ran = lines_run(root, libraries, profile, folder)
    totals = collections.defaultdict(lambda: [0, 0])
    for name in sorted(lines):
        for key in ([name] if args.files else []) + [os.path.dirname(name) + "/", "all of %s/" % folder]:
            totals[key][0] += len(ran[name])
            totals[key][1] += len(lines[name])
    for key, (some, every) in sorted(totals.items(), key=lambda item: (item[0].startswith("all of "), item[0])):
        print("%-40s %5.1f %%  %d of %d lines" % (key, 100 * some / every, some, every))
    some, every = totals["all of %s/" % folder]
    if failed:
        print("error: these tests failed: " + " ".join(failed))
        return 1
    if every == 0 or 100 * some / every < args.percent:
        print("error: less than %g %% of the lines" % args.percent)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
