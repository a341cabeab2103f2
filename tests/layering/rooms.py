"""The house as data: its rooms from the foundation up, what each may know, and what must never meet.

A room is a folder with its subfolders, less those that are rooms themselves.
"""

# Room -> the rooms that it may know, directly or through them. `base` and `third_party` are known to all. The order is the house's own:
# a room's list names only rooms that stand above it here.
ROOMS = {
    "proto": [],
    "base": [],
    "options": ["base"],
    "storage/model": ["base"],
    "storage": ["storage/model"],
    "storage/migrator": ["base"],
    "storage/seal": ["storage/model"],
    "storage/sqlite": ["storage", "storage/migrator", "storage/seal"],
    "storage/postgres": ["storage", "storage/migrator", "storage/seal"],
    "server/descriptors": ["proto", "base"],
    "server/types": ["server/descriptors", "storage/model"],
    "server/validate": ["server/types", "server/descriptors", "storage/model"],
    "server/snapshot": ["server/types", "server/validate", "storage/model"],
    "server/fleet": ["storage/model"],
    "server/rollout": ["storage/model", "server/fleet", "storage"],
    "server/publish": ["storage", "server/snapshot", "server/rollout"],
    "server/xds": ["proto", "server/types", "server/snapshot", "server/fleet"],
    "server/rpc": ["base"],
    "server/access": ["storage/model", "storage"],
    "server/xds/grpc": ["server/xds", "server/snapshot", "server/fleet", "server/access", "server/rpc"],
    "server/jobs": ["storage"],
    "server/capacity": ["storage"],
    "server/admin": [
        "proto", "server/descriptors", "server/types", "server/validate", "storage", "server/snapshot",
        "server/fleet", "server/rollout", "server/access", "server/capacity", "server/rpc",
    ],
    "server/http": [
        "proto", "server/descriptors", "server/xds", "server/snapshot", "server/access", "server/rpc",
    ],
    "server/maintenance": ["storage", "storage/migrator"],
    "proxy": ["proto", "server/rpc"],
    "cli": ["proto", "server/rpc", "options", "server/descriptors", "proxy"],
    "server/daemon": ["*"],
    "tests": ["*"],
    "bench": ["*"],
    "third_party": [],
    "bazel": [],
}

GRPC = "//third_party:grpc"
BACKENDS = ["storage/sqlite", "storage/postgres"]
STORES = ["storage", *BACKENDS]
STORAGE_ROOMS = [room for room in ROOMS if room.split("/")[0] == "storage"]
SERVER_ROOMS = [room for room in ROOMS if room.startswith("server/")]


def forbidden():
    """(room or target, room or target) pairs: no path of dependencies may lead from the first to the second."""
    pairs = {("storage/sqlite", "storage/postgres"), ("storage/postgres", "storage/sqlite")}
    pairs |= {(room, other) for room in STORAGE_ROOMS for other in ("proto", GRPC)}
    pairs |= {("server/snapshot", other) for other in [*STORES, GRPC]}
    pairs |= {("server/xds", other)
              for other in [*STORES, "server/rollout", "server/access", "server/admin", "server/publish", GRPC]}
    # The writing face of the cache.
    pairs |= {("server/admin", "//server/snapshot:snapshot_cache")}
    pairs |= {("cli", other) for other in [*STORAGE_ROOMS, *SERVER_ROOMS]
              if other not in ("server/rpc", "server/descriptors")}
    # Only the daemon's open_store names a backend.
    pairs |= {(room, backend) for room in [*SERVER_ROOMS, "proxy", "cli"] for backend in BACKENDS
              if room != "server/daemon"}
    return sorted(pairs)


# Folders that may include gRPC's headers, and those that may catch exceptions.
MAY_INCLUDE_GRPC = ["server/xds/grpc", "server/admin", "server/rpc", "server/http", "server/daemon", "proxy", "cli",
                    "tests", "bench"]
MAY_CATCH = ["storage/sqlite", "options", "cli", "tests", "bench"]


def room_of(path):
    """The room that a file of the tree is in, or None for a file of no room (the top folder, docs, ...)."""
    folder = path.rpartition("/")[0]
    while folder:
        if folder in ROOMS:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def known_to(room):
    """Every room that `room` may include from: its list, what those know in turn, `base`, `third_party` and itself."""
    if "*" in ROOMS[room]:
        return set(ROOMS)
    known, todo = {room, "base", "third_party"}, list(ROOMS[room])
    while todo:
        other = todo.pop()
        if other not in known:
            known.add(other)
            todo += ROOMS[other]
    return known
