#!/usr/bin/env python3
"""Writes a C++ header and source that hold files as constants.

usage: embed.py HEADER SOURCE NAMESPACE FUNCTION FILE...
"""
import os
import sys

PLAIN = {c: chr(c) for c in range(32, 127) if chr(c) not in '"\\?'}


def literal(data):
    """`data` as adjacent C++ string literals; octal escapes always have three digits."""
    lines = []
    for start in range(0, len(data), 4096):
        chunk = data[start:start + 4096]
        lines.append('"' + "".join(PLAIN.get(b) or "\\%03o" % b for b in chunk) + '"')
    return "\n".join(lines) or '""'


def main(argv):
    header, source, namespace, function = argv[1:5]
    files = sorted((os.path.basename(p), p) for p in argv[5:])
    with open(header, "w") as out:
        out.write("""#pragma once
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace %s {
#ifndef SIGNALBOX_EMBEDDED_FILE
#define SIGNALBOX_EMBEDDED_FILE
// A file that is part of the binary.
struct EmbeddedFile {
  absl::string_view name;
  absl::string_view content;
};
#endif
// The embedded files, sorted by name; they live as long as the process.
absl::Span<const EmbeddedFile> %s();
}  // namespace %s
""" % (namespace, function, namespace))
    with open(source, "w") as out:
        out.write('#include "%s"\n\nnamespace %s {\nnamespace {\n' % (os.path.basename(header), namespace))
        for i, (_, path) in enumerate(files):
            with open(path, "rb") as f:
                data = f.read()
            out.write("constexpr char kFile%d[] =\n%s;\n" % (i, literal(data)))
        out.write("const EmbeddedFile kFiles[] = {\n")
        for i, (name, _) in enumerate(files):
            out.write('    {"%s", absl::string_view(kFile%d, sizeof(kFile%d) - 1)},\n' % (name, i, i))
        out.write("};\n}  // namespace\n\nabsl::Span<const EmbeddedFile> %s() { return kFiles; }\n}  // namespace %s\n" % (function, namespace))


if __name__ == "__main__":
    main(sys.argv)
