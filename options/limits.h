#pragma once

#include <cstddef>
#include <cstdint>

namespace signalbox::options {

// A configuration file, or one that a _FILE variable names. Ours have a hundred lines; beyond it,
// it is some other file, and refused.
inline constexpr size_t kMaxFileBytes = size_t{1} << 20;

// Files in conf.d. Each is read at every start of every command; more are refused.
inline constexpr size_t kMaxDropIns = 1000;

// A password in a file. PostgreSQL itself takes less; beyond it, it is some other file, and
// refused.
inline constexpr size_t kMaxPasswordBytes = 4096;

// Connections that read, per instance. PostgreSQL serves 100 unless told otherwise, and several
// instances share them; more are refused.
inline constexpr int64_t kMaxPool = 64;

// Instances on one database. Each polls it; more are refused as a slip of the pen.
inline constexpr int64_t kMaxInstances = 100;

// sockaddr_un's sun_path without its ending NUL; a longer path is refused.
inline constexpr size_t kMaxSocketPath = 107;

}  // namespace signalbox::options
