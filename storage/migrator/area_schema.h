#pragma once

#include <string>

#include "storage/migrator/migrator.h"

namespace signalbox {

// The schema of one area of a store that no daemon uses.
struct AreaSchema {
  std::string area;    // "config"
  std::string where;   // its file, or database and schema
  Migrator* migrator;  // of whoever gave this out
};

}  // namespace signalbox
