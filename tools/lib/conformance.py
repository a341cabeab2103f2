"""The conformance suite of the stores as a table: a behaviour a line, a store a column.

The suite is //tests/storage/conformance: every test case of it is a behaviour, run over each of the stores.
"""
import os
import re
import xml.etree.ElementTree

PACKAGE = "//tests/storage/conformance"
# The order of StoreFixtures and AreaFixtures.
STORES = ["SQLite file", "SQLite :memory:", "PostgreSQL"]
FILE, MEMORY = 0, 1
AT_LEAST = 150
CASE = re.compile(r"^(.*) - (?:Store|Area)Fixtures - (\d+)$", re.DOTALL)


class Table:
    def __init__(self):
        self.rows = {}    # (suite, behaviour) -> a verdict for each store, "missing" where there is none
        self.errors = []
        self.seconds = {}  # (suite, behaviour) -> seconds for each store

    def add(self, label, report):
        """Reads the report of one test binary."""
        suite = label.rsplit(":", 1)[-1].replace("_test", "").replace("_", " ")
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            match = CASE.match(case.get("name"))
            if match is None:
                self.errors.append("%s: \"%s\" is not run over every store" % (label, case.get("name")))
                continue
            key, store = (suite, match.group(1)), int(match.group(2))
            verdict = "pass"
            if case.find("failure") is not None or case.find("error") is not None:
                verdict = "FAIL"
            elif case.find("skipped") is not None:
                verdict = "n/a"
            self.rows.setdefault(key, ["missing"] * len(STORES))[store] = verdict
            self.seconds.setdefault(key, [0.0] * len(STORES))[store] = float(case.get("time", 0))

    def check(self):
        """What is wrong with the table, a line each; failures that the tests themselves report are not repeated."""
        errors = list(self.errors)
        for (suite, behaviour), verdicts in sorted(self.rows.items()):
            for store, verdict in zip(STORES, verdicts):
                if verdict == "missing":
                    errors.append("%s: \"%s\" is not in the list of %s" % (suite, behaviour, store))
                elif verdict == "n/a" and store != STORES[MEMORY]:
                    errors.append("%s: \"%s\" is n/a on %s, where everything applies" % (suite, behaviour, store))
        if len(self.rows) < AT_LEAST:
            errors.append("%d behaviours, at least %d are asked for" % (len(self.rows), AT_LEAST))
        return errors

    def faster(self):
        """Seconds of the behaviours that ran in a file and in memory: (file, memory)."""
        both = [key for key, verdicts in self.rows.items() if verdicts[FILE] == verdicts[MEMORY] == "pass"]
        return (sum(self.seconds[key][FILE] for key in both), sum(self.seconds[key][MEMORY] for key in both))

    def totals(self):
        """The table's last lines."""
        lines = ["%d behaviours on %d stores" % (len(self.rows), len(STORES))]
        for i, store in enumerate(STORES):
            verdicts = [row[i] for row in self.rows.values()]
            line = "%-16s %d pass, %d fail" % (store, verdicts.count("pass"), verdicts.count("FAIL"))
            for other in ("n/a", "missing"):
                if other in verdicts:
                    line += ", %d %s" % (verdicts.count(other), other)
            lines.append(line)
        in_file, in_memory = self.faster()
        if in_file > 0:
            lines.append("in memory %.0f %% faster than in a file: %.1f s and %.1f s for what both ran" % (
                100 * (1 - in_memory / in_file), in_memory, in_file))
        return lines

    def render(self):
        lines, last = [], None
        for (suite, behaviour), verdicts in sorted(self.rows.items()):
            if suite != last:
                lines += ["", "%-12s%-17s%-12s%s" % (*STORES, suite)] if last is None else ["", " " * 41 + suite]
                last = suite
            lines.append("%-11s %-16s %-11s %s" % (*verdicts, behaviour))
        return "\n".join(lines)


def of_reports(reports):
    """The table of a dict of labels and the paths of their reports."""
    table = Table()
    for label, path in sorted(reports.items()):
        if label.startswith(PACKAGE + ":") and os.path.exists(path):
            table.add(label, path)
    return table
