#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace signalbox {

// One step of an area's schema, as the program has it.
struct Migration {
  int version = 0;   // 1, 2, 3, ... without gaps
  std::string name;  // what it brings: "resources"
  std::string up;    // SQL
  std::string down;  // SQL that takes `up` back
  Digest checksum;   // SHA-256 of `up`
  // The oldest program, named by the last version that it knows, that can read what `up` leaves ...
  int min_reader = 0;
  int min_writer = 0;  // ... and write it. 1 <= min_reader <= min_writer <= version.
};

// The migrations in files called `NNNN_<what>.up.sql` and `NNNN_<what>.down.sql`, in order of their
// versions; `files` are (name, content). A line `-- min_reader: N` or `-- min_writer: N` of an up
// file says that programs as old as N can still read, or write, what it leaves; without such a line
// it is the migration's own version: older programs cannot. The files are part of the program: a
// name of another form, a gap, half a pair or a number out of range is a bug and aborts.
std::vector<Migration> MigrationsIn(
    const std::vector<std::pair<absl::string_view, absl::string_view>>& files);

}  // namespace signalbox
