"""Turns the answer of `bazel aquery --output=jsonproto` into compile_commands.json.

usage: compdb.py ROOT ACTIONS
"""
import json
import os
import sys


def main():
    root, actions_path = sys.argv[1:3]
    # External repositories lie beside the execution root; sources and generated files are reached from the tree itself.
    output_base = os.path.realpath(os.path.join(root, "bazel-out")).split("/execroot/")[0]
    with open(actions_path) as f:
        actions = json.load(f).get("actions", [])
    commands = []
    for action in actions:
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("bazel-out/", "external/")):
            continue
        # gcc-only switches of the tool chain and Bazel's own dependency files mean nothing to other tools.
        kept = []
        skip = False
        for argument in arguments:
            if skip:
                skip = False
            elif argument in ("-MF", "-MD"):
                skip = argument == "-MF"
            elif argument.startswith("external/"):
                kept.append(os.path.join(output_base, argument))
            elif argument.startswith("-fmodule") or argument.startswith("-Xclang-only"):
                continue
            else:
                kept.append(argument)
        commands.append({"directory": root, "file": source, "arguments": kept})
    commands.sort(key=lambda command: command["file"])
    path = os.path.join(root, "compile_commands.json")
    with open(path + ".new", "w") as f:
        json.dump(commands, f, indent=1)
    os.replace(path + ".new", path)
    print("%s: %d files" % (path, len(commands)), file=sys.stderr)


if __name__ == "__main__":
    main()
