"""Writers that race each other on one PostgreSQL."""
import os
import subprocess

from harness import Postgres, expect


def test_racing_writers(t):
    """of two writers on PostgreSQL, one deleting what the other refers to, every revision can be published"""
    seconds = 60 if t.long else 15
    database = Postgres(t, fsync=True)
    race = subprocess.run([t.tool("racers"), database.url, os.path.join(t.folder, "secrets.key"), str(seconds)],
                          capture_output=True, text=True, timeout=seconds + 120)
    expect(race.returncode == 0, "%s%s" % (race.stdout[-2000:], race.stderr[-2000:]))
    t.figures.append(race.stdout.strip())
