"""The project's own rules: one target per header, warnings are errors, tests under one main."""

COPTS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wimplicit-fallthrough",
    "-Wthread-safety",
    "-Wno-unused-parameter",
    "-Wno-gnu-zero-variadic-macro-arguments",
    "-Wno-c99-designator",
    "-Wno-nullability-extension",
    "-Werror",
    # Headers of the system are not ours to mend.
    "--system-header-prefix=google/",
    "--system-header-prefix=absl/",
]

def sb_library(name, deps = [], srcs = None, hdrs = None, tags = [], visibility = ["//visibility:public"], **kwargs):
    """A library of one header `name.h` and, where there is one, its source `name.cc`.

    Args:
      name: the target's and the files' name.
      deps: what its includes need, each named.
      srcs: other sources than `name.cc`.
      hdrs: other headers than `name.h`.
      tags: Bazel tags; "grpc" keeps a target out of the TSan build.
      visibility: Bazel visibility.
      **kwargs: passed on to cc_library.
    """
    native.cc_library(
        name = name,
        srcs = native.glob([name + ".cc"], allow_empty = True) if srcs == None else srcs,
        hdrs = native.glob([name + ".h"], allow_empty = True) if hdrs == None else hdrs,
        copts = COPTS,
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )

def sb_binary(name, deps = [], srcs = None, tags = [], visibility = ["//visibility:public"], **kwargs):
    """A binary from `name.cc` unless `srcs` says otherwise."""
    native.cc_binary(
        name = name,
        srcs = [name + ".cc"] if srcs == None else srcs,
        copts = COPTS,
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )

def sb_test(name, deps = [], srcs = None, tags = [], size = "small", **kwargs):
    """A Catch2 test from `name.cc` unless `srcs` says otherwise."""
    native.cc_test(
        name = name,
        srcs = [name + ".cc"] if srcs == None else srcs,
        copts = COPTS,
        tags = tags,
        size = size,
        deps = ["//tests/testing:catch_main", "//third_party:catch2"] + deps,
        **kwargs
    )
