"""The rules of the discovery protocol and the tests that say they prove them.

What tests/documents/run and tests/server/xds/faults/run have in common.
"""
import glob
import os
import re

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
RULES = os.path.join(ROOT, "tests", "documents", "xds_rules.txt")
NAMED = re.compile(r'"([^"\n]*)\(XDS ([A-Za-z0-9, -]+)\)')


def read():
    """[heading, [(rule, text, why it is not built or "")]] in the file's order."""
    sections = []
    with open(RULES) as f:
        for line in f:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("== "):
                sections.append((line[3:], []))
                continue
            rule, text = line.split(" ", 1)
            missing = text[2:] if text.startswith("! ") else ""
            sections[-1][1].append((rule, "" if missing else text, missing))
    return sections


def named_in(name):
    """The rules that a test's name says it proves."""
    found = re.search(r"\(XDS ([A-Za-z0-9, -]+)\)", name)
    return re.split(r",\s*", found.group(1)) if found else []


def find_proofs():
    """rule -> the tests that say they prove it, sorted: sequences by their name, others by their path below tests/."""
    proofs = {}
    for path in glob.glob(os.path.join(ROOT, "tests", "server", "xds", "sequences", "*.seq")):
        with open(path) as f:
            for line in f:
                if line.startswith("proves:"):
                    for rule in line.split()[1:]:
                        proofs.setdefault(rule, set()).add(os.path.basename(path))
    for pattern in ("**/*_test.cc", "integration/areas/*.py"):
        for path in glob.glob(os.path.join(ROOT, "tests", pattern), recursive=True):
            with open(path) as f:
                text = f.read()
            for _, rules in NAMED.findall(text):
                for rule in re.split(r",\s*", rules):
                    proofs.setdefault(rule, set()).add(os.path.relpath(path, os.path.join(ROOT, "tests")))
    return {rule: sorted(tests) for rule, tests in proofs.items()}
