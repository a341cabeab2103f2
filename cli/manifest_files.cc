#include "cli/manifest_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace signalbox::cli {
namespace {

namespace fs = std::filesystem;

bool IsHidden(const fs::path& path) { return path.filename().string().substr(0, 1) == "."; }

bool IsManifest(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

class Finder {
 public:
  Finder(size_t limit, ManifestFiles* found) : limit_(limit), found_(found) {}

  void Visit(const std::string& path) {
    if (path == "-") return Add(path, path);
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      found_->errors.emplace_back(path, "there is no such file or directory");
    } else if (error) {
      found_->errors.emplace_back(path, error.message());
    } else if (status.type() == fs::file_type::directory) {
      VisitDirectory(path);
    } else {
      AddFile(path);
    }
  }

 private:
  void VisitDirectory(const std::string& directory) {
    std::vector<std::string> files;
    std::error_code error;
    fs::recursive_directory_iterator entry(directory, error), end;
    while (!error && entry != end && files.size() <= limit_) {
      std::error_code unreadable;
      if (IsHidden(entry->path())) {
        entry.disable_recursion_pending();
      } else if (IsManifest(entry->path()) && entry->is_regular_file(unreadable)) {
        files.push_back(entry->path().string());
      }
      entry.increment(error);
    }
    if (error) found_->errors.emplace_back(directory, error.message());
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) AddFile(file);
  }

  void AddFile(const std::string& path) {
    std::error_code error;
    const fs::path canonical = fs::canonical(path, error);
    Add(path, error ? path : canonical.string());
  }

  void Add(const std::string& path, const std::string& identity) {
    if (!seen_.insert(identity).second) return;
    if (found_->paths.size() < limit_) return found_->paths.push_back(path);
    if (!full_) found_->errors.emplace_back(path, absl::StrCat("more than ", limit_, " files"));
    full_ = true;
  }

  const size_t limit_;
  ManifestFiles* const found_;
  std::set<std::string> seen_;
  bool full_ = false;
};

}  // namespace

ManifestFiles FindManifestFiles(const std::vector<std::string>& paths, size_t limit) {
  ManifestFiles found;
  Finder finder(limit, &found);
  for (const std::string& path : paths) finder.Visit(path);
  return found;
}

absl::StatusOr<std::string> ReadStream(std::istream& stream, size_t limit) {
  std::string content;
  char buffer[65536];
  while (stream.read(buffer, sizeof(buffer)) || stream.gcount() > 0) {
    content.append(buffer, static_cast<size_t>(stream.gcount()));
    if (content.size() > limit)
      return absl::ResourceExhaustedError(absl::StrCat("is larger than ", limit, " bytes"));
  }
  if (stream.bad()) return absl::FailedPreconditionError("cannot be read");
  return content;
}

}  // namespace signalbox::cli
