#pragma once

namespace signalbox {

// A statement's text beside its name, which errors and logs carry. Lives as long as the process.
struct Sql {
  const char* name;
  const char* text;
};

}  // namespace signalbox
