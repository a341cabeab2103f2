"""Runs the suites of tools/test, names what failed and closes with "N passed, N failed".

usage: run_tests.py ROOT [--long [AREA]] [SUITE...]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import conformance  # noqa: E402  (its folder is known only now)

SUITES = ["unit", "threads", "layering", "documents", "fuzz", "end-to-end"]
LONG_SUITES = ["faults"]  # only with --long, or when named
# The suite faults, by area: the unit tests that do all of what they otherwise do a part of, and the script that breaks the
# area on purpose.
FAULTS = {
    "storage": (["//tests/storage/sqlite:sqlite_faults_test", "//tests/storage/sqlite:sqlite_area_faults_test",
                 "//tests/storage/sqlite:sqlite_memory_faults_test", "//tests/storage/postgres:postgres_faults_test"],
                "tests/storage/faults/run"),
    "xds": (["//tests/server/xds/model:model_test"], "tests/server/xds/faults/run"),
}
# What --long AREA stands for where it is more than the end-to-end tests of that name: their areas, and the other suites.
LONG_AREAS = {
    "storage": (["storage"], ["faults"]),
    "xds": (["traffic", "services", "grpc", "clients", "sequences"], ["fuzz", "faults"]),
}


class Counts:
    """How many test cases passed, failed and were skipped; failures are printed as they are added."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def fail(self, what):
        self.failed += 1
        print("FAIL %s" % what, flush=True)

    def __str__(self):
        text = "%d passed, %d failed" % (self.passed, self.failed)
        return text + (", %d skipped" % self.skipped if self.skipped else "")


def read_events(path):
    """(label -> status, label -> test.xml, labels that did not build) of a build event file."""
    statuses, reports, tests, built = {}, {}, set(), set()
    with open(path) as f:
        for line in f:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the last line of a build that was interrupted
            key = event.get("id", {})
            if "targetConfigured" in key and event.get("configured", {}).get("targetKind", "").endswith("_test rule"):
                tests.add(key["targetConfigured"]["label"])
            elif "targetCompleted" in key and event.get("completed", {}).get("success"):
                built.add(key["targetCompleted"]["label"])
            elif "testResult" in key:
                for output in event["testResult"].get("testActionOutput", []):
                    if output["name"] == "test.xml":
                        reports[key["testResult"]["label"]] = urllib.parse.unquote(
                            urllib.parse.urlparse(output["uri"]).path)
            elif "testSummary" in key:
                statuses[key["testSummary"]["label"]] = event["testSummary"]["overallStatus"]
    return statuses, reports, tests - built


def count_unit(root, config, name, counts, targets=("//tests/...",), options=()):
    """Runs the unit tests in one of the sanitizers' configurations."""
    with tempfile.TemporaryDirectory() as folder:
        events = os.path.join(folder, "events.json")
        progress = [] if sys.stderr.isatty() else ["--show_progress_rate_limit=20"]
        code = subprocess.run(
            ["tools/bazel", "test", "--config=" + config, "--keep_going", "--build_tests_only",
             "--build_event_json_file=" + events, "--ui_event_filters=-info", *progress, *options, *targets],
            cwd=root, stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode
        if not os.path.exists(events):
            counts.fail("%s: bazel did not start (exit code %d)" % (name, code))
            return
        statuses, reports, unbuilt = read_events(events)
        failed_before = counts.failed
        for label in sorted(unbuilt):
            counts.fail("%s %s: does not build" % (name, label))
        for label, status in sorted(statuses.items()):
            if label in unbuilt:
                continue
            cases = failures = 0
            if label in reports and os.path.exists(reports[label]):
                for case in xml.etree.ElementTree.parse(reports[label]).iter("testcase"):
                    if case.find("failure") is not None or case.find("error") is not None:
                        failures += 1
                        counts.fail("%s %s: %s" % (name, label, case.get("name")))
                    elif case.find("skipped") is None:  # a case that cannot apply counts as nothing
                        cases += 1
            if status == "PASSED":
                counts.passed += cases
                if cases == 0:
                    counts.fail("%s %s: ran no test case" % (name, label))
            else:
                counts.passed += cases if failures else max(cases - 1, 0)
                if failures == 0:
                    counts.fail("%s %s: %s" % (name, label, status))
        if code != 0 and counts.failed == failed_before:
            counts.fail("%s: bazel test failed (exit code %d)" % (name, code))
        if name == "unit":
            count_conformance(reports, counts)


def count_conformance(reports, counts):
    """Prints how the stores fare in their common suite; what is wrong with its list fails."""
    table = conformance.of_reports(reports)
    print("\n".join("conformance: " + line for line in table.totals()), flush=True)
    for error in table.check():
        counts.fail("conformance: " + error)


def count_script(command, limit_seconds, name, counts):
    """Runs a script that prints "PASS ...", "FAIL ..." and "SKIP ..." lines, a line a test case."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    expired = threading.Event()

    def stop():
        expired.set()
        process.terminate()

    timer = threading.Timer(limit_seconds, stop)
    timer.start()
    before = (counts.passed, counts.failed)
    for line in process.stdout:
        if line.startswith("PASS "):
            counts.passed += 1
            print(line, end="", flush=True)
        elif line.startswith("FAIL "):
            counts.fail(line[5:].rstrip("\n"))
        elif line.startswith("SKIP "):
            counts.skipped += 1
            print(line, end="", flush=True)
    code = process.wait()
    timer.cancel()
    if expired.is_set():
        counts.fail("%s: not done after %d s" % (name, limit_seconds))
    elif code != 0 and counts.failed == before[1]:
        counts.fail("%s: exit code %d" % (name, code))
    elif (counts.passed, counts.failed) == before:
        counts.fail("%s: ran no test" % name)


def main():
    parser = argparse.ArgumentParser(prog="tools/test")
    parser.add_argument("--long", nargs="?", const="all", metavar="AREA")
    known = SUITES + LONG_SUITES
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=" | ".join(known))
    root = sys.argv[1]
    args = parser.parse_args(sys.argv[2:])
    if args.long in known:  # "--long end-to-end" names a suite, not an area
        args.suites.append(args.long)
        args.long = "all"
    for suite in args.suites:
        if suite not in known:
            parser.error("unknown suite '%s': %s" % (suite, ", ".join(known)))
    if args.long not in (None, "all"):
        area = LONG_AREAS.get(args.long, ([args.long], []))
        suites = area[1] + ["end-to-end"]
    else:
        suites = args.suites or (known if args.long else SUITES)
    counts = Counts()
    for suite in suites:
        print("== %s" % suite, flush=True)
        start = time.monotonic()
        before = counts.passed, counts.failed
        if suite == "unit":
            count_unit(root, "asan", suite, counts)
        elif suite == "threads":
            count_unit(root, "tsan", suite, counts)
        elif suite in ("layering", "documents"):
            count_script([os.path.join(root, "tests", suite, "run")], 600, suite, counts)
        elif suite == "fuzz":
            count_script([os.path.join(root, "tests/fuzz/run"), *(["--long"] if args.long else [])],
                         3600 if args.long else 1200, suite, counts)
        elif suite == "faults":
            for area, (tests, script) in FAULTS.items():
                if args.long not in (None, "all", area):
                    continue
                count_unit(root, "asan", suite, counts, tests, ["--test_env=SIGNALBOX_LONG=1", "--test_timeout=3600"])
                count_script([os.path.join(root, script)], 4 * 3600, suite, counts)
        else:
            command = [os.path.join(root, "tests/integration/run")]
            if args.long:
                command.append("--long")
                command += [] if args.long == "all" else area[0]
            count_script(command, 4 * 3600 if args.long else 2400, suite, counts)
        print("== %s: %d passed, %d failed in %.0f s" % (
            suite, counts.passed - before[0], counts.failed - before[1], time.monotonic() - start), flush=True)
    print(counts, flush=True)
    return 1 if counts.failed or counts.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
