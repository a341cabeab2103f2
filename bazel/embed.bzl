"""Files as constants in the binary."""

def embed(name, srcs, function, namespace = "signalbox", visibility = ["//visibility:public"]):
    """A library whose header `name.h` declares `FUNCTION()`: the files' names (without folder) and contents, sorted.

    Args:
      name: the target's and the header's name.
      srcs: the files.
      function: the C++ function's name.
      namespace: the C++ namespace.
      visibility: Bazel visibility.
    """
    native.genrule(
        name = name + "_gen",
        srcs = srcs,
        outs = [name + ".h", name + ".cc"],
        cmd = "/usr/bin/python3 $(location //bazel:embed.py) $(location %s.h) $(location %s.cc) %s %s $(SRCS)" % (name, name, namespace, function),
        tools = ["//bazel:embed.py"],
    )
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [name + ".h"],
        visibility = visibility,
        deps = ["//third_party:absl"],
    )
