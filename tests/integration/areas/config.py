"""The daemon's configuration: where values come from, what is refused, what a signal reloads."""
import json
import os
import signal

from harness import Daemon, expect, wait_for

INVALID_INPUT = 6  # the exit code
TO_POSTGRES = "store.url = \"postgres://USER@HOST/DATABASE\""


def write(t, name, text, mode=0o600):
    """Writes a file below the test's folder and returns its path."""
    path = os.path.join(t.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def config(t, *words, variables=None, expected=0):
    """Runs a verb that takes the options; unless it is given a file, with an empty one and not with the machine's."""
    file = [] if "--config" in words else ["--config", write(t, "empty.toml", "")]
    return t.cli(*words, *file, variables=variables, expected=expected)


def shown(t, *arguments, variables=None):
    """Key -> (value, source, origin), as `config show` has them."""
    output = config(t, "config", "show", "--origin", "-o", "json", *arguments, variables=variables).stdout
    data = json.loads(output)["data"]
    return {option["key"]: (option["value"], option["source"], option["origin"]) for option in data}


def refuse(t, *parts, flags=(), variables=None):
    """Expects that both `config check` and `serve` refuse the options and say all of `parts`."""
    for verb in (["config", "check"], ["serve"]):
        result = config(t, *verb, *flags, variables=variables, expected=INVALID_INPUT)
        for part in parts:
            expect(part in result.stderr, "%s does not say \"%s\": %s" % (verb, part, result.stderr))


def log_lines(daemon):
    """The JSON lines of the daemon's log."""
    return [json.loads(line) for line in daemon.process.output().splitlines() if line.startswith("{")]


def reload(daemon, message):
    """Sends SIGHUP and returns what is logged from then on, once a line has this message."""
    before = len(log_lines(daemon))
    daemon.process.signal(signal.SIGHUP)
    return wait_for(lambda: [lines for lines in [log_lines(daemon)[before:]]
                             if any(line["message"].startswith(message) for line in lines)],
                    lambda: "the log says \"%s\": %s" % (message, log_lines(daemon)[before:]))[0]


def test_precedence(t):
    """a flag wins over the environment, that over conf.d, that over the file, and each is shown as the origin"""
    path = write(t, "a/signalbox.toml", "[xds]\nack_deadline = \"11s\"\n[log]\nlevel = \"error\"\n")
    flags = ["--config", path]
    expect(shown(t)["xds.ack_deadline"] == ("30s", "default", "default"), str(shown(t)))

    def deadline(*more, variables=None):
        return shown(t, *flags, *more, variables=variables)["xds.ack_deadline"]
    expect(deadline() == ("11s", "file", path + ":2:16"), str(deadline()))
    write(t, "a/conf.d/10.toml", "xds.ack_deadline = \"12s\"\n")
    second = write(t, "a/conf.d/20.toml", "[xds]\n\nack_deadline = \"13s\"\n")
    write(t, "a/conf.d/30.toml.bak", "not read")
    expect(deadline() == ("13s", "drop-in", second + ":3:16"), str(deadline()))
    variables = {"SIGNALBOX_XDS_ACK_DEADLINE": "14s"}
    expect(deadline(variables=variables) == ("14s", "environment", "SIGNALBOX_XDS_ACK_DEADLINE"), "the variable")
    got = deadline("--xds.ack_deadline", "15s", variables=variables)
    expect(got == ("15s", "flag", "--xds.ack-deadline"), str(got))
    expect(shown(t, *flags)["log.level"] == ("error", "file", path + ":4:9"), "the drop-ins took away log.level")


def test_value_files(t):
    """a variable that ends in _FILE names a file with the value, and no output shows the password in it"""
    url = write(t, "url", "postgres://signalbox:hunter2@db.example:5433/fleet\n")
    variables = {"SIGNALBOX_STORE_URL_FILE": url, "SIGNALBOX_LOG_LEVEL_FILE": write(t, "level", "debug\n")}
    options = shown(t, variables=variables)
    expect(options["store.url"] == ("postgres://signalbox:***@db.example:5433/fleet", "environment",
                                    "SIGNALBOX_STORE_URL_FILE=" + url), str(options["store.url"]))
    expect(options["log.level"][0] == "debug", str(options["log.level"]))
    for arguments in (["config", "show"], ["config", "show", "-o", "yaml"], ["config", "check"]):
        result = config(t, *arguments, variables=variables)
        expect("hunter2" not in result.stdout + result.stderr, "%s shows the password" % arguments)
    refuse(t, "SIGNALBOX_STORE_URL_FILE", "no such file",
           variables={"SIGNALBOX_STORE_URL_FILE": os.path.join(t.folder, "absent")})


def test_all_errors(t):
    """every mistake is told at once, with its file, line and column, and what was meant"""
    path = write(t, "signalbox.toml",
                 "instances = \"2\"\n[stor]\nurl = \"x\"\n[log]\nlevle = \"info\"\nformat = \"jsno\"\n")
    drop_in = write(t, "conf.d/a.toml", "[xds]\nack_deadline = \"30\"\n")
    refuse(t, path + ":1:13: instances must be a number",
           path + ":2:2: unknown key \"stor\"; did you mean \"store\"?",
           path + ":5:1: unknown key \"log.levle\"; did you mean \"log.level\"?",
           path + ":6:10: log.format must be one of auto, pretty, json, not \"jsno\"; did you mean \"json\"?",
           drop_in + ":2:16: xds.ack_deadline must be a duration",
           "SIGNALBOX_STORE_URI; did you mean \"SIGNALBOX_STORE_URL\"?",
           flags=["--config", path], variables={"SIGNALBOX_STORE_URI": "x"})


def test_store_urls(t):
    """a store that is said wrongly is refused by the field's name, with what would be right"""
    for flags, parts in (
            (["--store.url", "sqlite://data"], ["store.url", "sqlite:///data", "sqlite:////data"]),
            (["--store.url", "sqlite:///"], ["store.url", "has no path"]),
            (["--store.url", "sqlite://db:5432/x"], ["store.url", "names a host"]),
            (["--store.url", "postgre://h/d"], ["store.url", "did you mean \"postgres\"?"]),
            (["--store.url", "postgres://h:70000/d"], ["store.url", "70000", "1 to 65535"]),
            (["--store.url", "postgres://u:hunter2@h"], ["store.url", "names no database", "u:***@h"]),
            (["--store.url", "postgres://h/d?sslmod=x"], ["sslmod", "did you mean \"sslmode\"?"]),
            (["--store.url", "sqlite:///a", "--store.path", "b"], ["store.path", "store.url is set too"]),
            (["--store.url", "sqlite:///a", "--store.driver", "postgres"], ["store.driver", "store.url"]),
            (["--store.driver", "postgres"], ["store.host: is missing", "store.user: is missing",
                                              "store.dbname: is missing"]),
            (["--store.host", "h", "--store.user", "u", "--store.dbname", "d", "--store.port", "x"], ["store.port"]),
            (["--store.pool-min", "5", "--store.pool-max", "2"], ["store.pool_min", "store.pool_max"]),
            (["--store.pool-max", "0"], ["store.pool_max", "from 1 to 64"])):
        refuse(t, *parts, flags=flags)
        result = config(t, "config", "check", *flags, expected=INVALID_INPUT)
        expect("hunter2" not in result.stderr, "the password is shown: " + result.stderr)


def test_password_file(t):
    """a password file must be there and closed to others; a password in the url works with a warning"""
    path = write(t, "password", "hunter2\n", 0o644)
    flags = ["--store.url", "postgres://u@127.0.0.1:1/d", "--store.password-file", path]
    result = config(t, "config", "check", *flags, expected=INVALID_INPUT)
    expect("store.password_file" in result.stderr and "chmod o-rwx " + path in result.stderr, result.stderr)
    os.chmod(path, 0o600)
    config(t, "config", "check", *flags)
    os.remove(path)
    result = config(t, "config", "check", *flags, expected=INVALID_INPUT)
    expect("store.password_file" in result.stderr and "no such file" in result.stderr, result.stderr)
    result = config(t, "config", "check", "--store.url", "postgres://u:hunter2@h/d")
    expect("warning: " in result.stderr and "store.password_file" in result.stderr, result.stderr)
    expect("hunter2" not in result.stderr, "the password is shown: " + result.stderr)


def test_sqlite_refusals(t):
    """on SQLite more than one instance and a read replica are refused, and the error says what to set"""
    refuse(t, "instances", "instances = 1", TO_POSTGRES, flags=["--instances", "2"])
    refuse(t, "store.replica_url", TO_POSTGRES, flags=["--store.replica-url", "postgres://h/d"])
    refuse(t, "instances = 1", flags=["--store.url", "sqlite::memory:", "--instances", "3"])
    config(t, "config", "check", "--store.url", "postgres://u@h/d", "--instances", "3",
           "--store.replica-url", "postgres://i/d")


def test_production(t):
    """production on SQLite is warned of at start, with the figures beyond which PostgreSQL is due"""
    daemon = t.daemon(arguments=["--environment", "production"])
    warnings = [line for line in log_lines(daemon) if line["level"] == "warning"]
    text = json.dumps(warnings)
    for part in ("jobs/min > 500", "audit > 10 GB", "p95 write > 200 ms", "sessions > 100", "postgres://"):
        expect(part in text, "the log does not say \"%s\": %s" % (part, text))


def test_reference(t):
    """config reference prints the page that docs/configuration.md is, and the table as JSON"""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
    with open(os.path.join(root, "docs/configuration.md")) as f:
        expect(t.cli("config", "reference").stdout == f.read(), "docs/configuration.md is not what it prints")
    keys = {option["key"] for option in json.loads(t.cli("config", "reference", "-o", "json").stdout)["data"]}
    expect(keys == set(shown(t)), "the reference has not the keys of config show")


def test_reload(t):
    """SIGHUP takes over what it can, names what needs a restart, and changes nothing when the file is broken"""
    daemon = Daemon(t, "daemon")
    write(t, "daemon/signalbox.toml", "[log]\nlevel = \"info\"\n")
    daemon.start()
    expect(not any(line["level"] == "debug" for line in log_lines(daemon)), "there are debug lines")

    path = write(t, "daemon/signalbox.toml",
                 "[log]\nlevel = \"debug\"\n[xds]\nack_deadline = \"9s\"\n[store]\nslow_query = \"5s\"\n")
    lines = reload(daemon, "configuration reloaded")
    changed = {line["key"]: line for line in lines if line["message"] == "option changed"}
    expect(set(changed) == {"log.level", "store.slow_query"}, "changed: %s" % changed)
    expect((changed["log.level"]["from"], changed["log.level"]["to"]) == ("info", "debug"), str(changed))
    expect(changed["log.level"]["origin"] == path + ":2:9", str(changed))
    waiting = [line["key"] for line in lines if line["message"] == "option needs a restart"]
    expect(waiting == ["xds.ack_deadline"], "waiting: %s" % waiting)

    write(t, "daemon/conf.d/broken.toml", "[log]\nlevel = \"error\"\nlevle = \"x\"\n")
    lines = reload(daemon, "configuration not reloaded")
    expect(any("broken.toml:3:1: unknown key \"log.levle\"" in line.get("error", "") for line in lines), str(lines))
    write(t, "daemon/conf.d/broken.toml", "[log\n")
    lines = reload(daemon, "configuration not reloaded")
    expect(any("broken.toml:1:" in line.get("error", "") for line in lines), str(lines))

    write(t, "daemon/conf.d/broken.toml", "log.level = \"warning\"\n")
    lines = reload(daemon, "configuration reloaded")
    changed = [(line["from"], line["to"]) for line in lines if line["message"] == "option changed"]
    expect(changed == [("debug", "warning")], "a broken file had changed the level: %s" % lines)
    daemon.cli("status")
    expect(daemon.stop() == 0, "the end was not clean")


def test_references(t):
    """what a change leaves without what it names is refused, or with validate.references = "warn" only warned of"""
    manifest = json.dumps({"kind": "route", "name": "r", "spec": {"virtual_hosts": [
        {"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "elsewhere"}}]}]}})
    strict = t.daemon("strict")
    refused = strict.cli("apply", "-f", "-", stdin=manifest, expected=INVALID_INPUT).stderr
    expect("elsewhere" in refused, "the cluster is not named: " + refused)
    strict.stop()
    lenient = t.daemon("lenient", arguments=["--validate.references", "warn"])
    for words in (["--dry-run"], []):
        result = lenient.cli("apply", "-f", "-", "-o", "json", *words, stdin=manifest)
        expect("warning: stdin:1" in result.stderr and "elsewhere" in result.stderr, "no warning: " + result.stderr)
        warnings = json.loads(result.stdout)["data"]["warnings"]
        expect(len(warnings) == 1 and "elsewhere" in warnings[0]["message"], "-o json: %s" % warnings)
    expect(lenient.revision() == 1, "it was not committed")
