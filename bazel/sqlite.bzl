"""SQLite's amalgamation, newer than Debian 12's, which has the WAL-reset bug (fixed in 3.51.3).

It is read out of a Go module that carries it whole, pinned by version and sha256. Needs `go` (1.19 or newer) and python3.
"""

_MODULE = "github.com/mattn/go-sqlite3@v1.14.52"
_SHA256 = "ebd1fef8e9434fbdc2c94e35b9991df62d472c00170f57fc4f75daa69f658a1b"

_EXTRACT = """\
import hashlib, sys, zipfile
path, want, prefix = sys.argv[1:4]
got = hashlib.sha256(open(path, "rb").read()).hexdigest()
if got != want:
    sys.exit("%s: sha256 is %s, expected %s" % (path, got, want))
z = zipfile.ZipFile(path)
for source, target in (("sqlite3-binding.c", "sqlite3.c"), ("sqlite3-binding.h", "sqlite3.h")):
    open(target, "wb").write(z.read(prefix + "/" + source))
"""

_BUILD = """\
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "sqlite",
    srcs = ["sqlite3.c"],
    hdrs = ["sqlite3.h"],
    # SQLiteCpp refers to the column metadata functions and to sqlite3_load_extension, so that neither can be left out;
    # loading an extension stays off unless a connection turns it on, and none does.
    copts = [
        "-w",
        "-O2",
        # Under a sanitizer its 250,000 lines take minutes to compile; ours that call it are what is checked.
        "-fno-sanitize=all",
        "-DSQLITE_ENABLE_COLUMN_METADATA",
        "-DSQLITE_THREADSAFE=1",
        "-DSQLITE_DQS=0",
        "-DSQLITE_DEFAULT_MEMSTATUS=0",
        "-DSQLITE_LIKE_DOESNT_MATCH_BLOBS",
        "-DHAVE_USLEEP=1",
    ],
    includes = ["."],
    linkopts = ["-lpthread", "-lm"],
)
"""

def _impl(ctx):
    go, python = ctx.which("go"), ctx.which("python3")
    if not go or not python:
        fail("'go' and 'python3' must be on PATH: run tools/setup")
    r = ctx.execute(
        [go, "mod", "download", "-json", _MODULE],
        environment = {"GOFLAGS": "-modcacherw", "GO111MODULE": "on", "GOWORK": "off", "GOTOOLCHAIN": "local"},
        timeout = 900,
    )
    if r.return_code != 0:
        fail("go mod download %s failed (%d):\n%s%s" % (_MODULE, r.return_code, r.stdout, r.stderr))
    ctx.file("extract.py", _EXTRACT)
    r = ctx.execute([python, "extract.py", json.decode(r.stdout)["Zip"], _SHA256, _MODULE])
    if r.return_code != 0:
        fail(r.stderr)
    ctx.file("BUILD.bazel", _BUILD)

sqlite_repository = repository_rule(
    implementation = _impl,
    environ = ["PATH", "HOME", "GOPROXY", "GOSUMDB", "GOMODCACHE", "GOPATH", "HTTPS_PROXY", "https_proxy"],
)
