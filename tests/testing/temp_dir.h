#pragma once

#include <string>

namespace signalbox::testing {

// A directory of its own that goes, with all in it, at the end of the scope.
class TempDir {
 public:
  // kShortPath: below /tmp, so that a Unix socket in it has a path of at most 107 characters.
  enum class Place { kTestDirectory, kShortPath };

  explicit TempDir(Place place = Place::kTestDirectory);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // `path()/name`.
  std::string Join(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace signalbox::testing
