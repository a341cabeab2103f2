#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/snapshot/type_set.h"

namespace signalbox {

// What a client has under one name, as far as its stream tells.
class Held {
 public:
  // It has nothing of that name.
  static Held Absent() { return Held(Kind::kAbsent, nullptr, ""); }
  // It may have anything of that name, or nothing.
  static Held Unknown() { return Held(Kind::kUnknown, nullptr, ""); }
  // It has this content.
  static Held Content(FragmentPtr fragment) {
    return Held(Kind::kContent, std::move(fragment), "");
  }
  // It has content of this version, of which nothing else is known (it said so when it
  // reconnected).
  static Held Version(std::string version) {
    return Held(Kind::kContent, nullptr, std::move(version));
  }

  bool absent() const { return kind_ == Kind::kAbsent; }
  bool unknown() const { return kind_ == Kind::kUnknown; }
  // Null when the content is not known, or there is none.
  const FragmentPtr& fragment() const { return fragment_; }
  // Whether it has exactly `fragment`; null stands for nothing.
  bool Is(const Fragment* fragment) const;
  bool Is(const Held& other) const;

 private:
  enum class Kind { kAbsent, kUnknown, kContent };
  Held(Kind kind, FragmentPtr fragment, std::string version)
      : kind_(kind), fragment_(std::move(fragment)), version_(std::move(version)) {}
  absl::string_view version() const {
    return fragment_ != nullptr ? absl::string_view(fragment_->version())
                                : absl::string_view(version_);
  }

  Kind kind_;
  FragmentPtr fragment_;
  std::string version_;
};

// What a client has of one type: a set that many streams share, and the few names at which this
// client differs from it. A value; not synchronised.
class Holding {
 public:
  using Exception = std::pair<std::string, Held>;

  // Nothing.
  Holding() = default;
  // `base`, except `exceptions`, sorted by name.
  explicit Holding(TypeSetPtr base, std::vector<Exception> exceptions = {});
  // Nobody knows what: every name is Unknown.
  static Holding Unknown();

  Held Get(absl::string_view name) const;
  // Whether the base does not say what there is under a name.
  bool IsException(absl::string_view name) const;

  // Sets names, in any order, no name twice.
  void Set(std::vector<Exception> changes);
  // Forgets all exceptions that `keep` does not want kept.
  template <typename Keep>
  void FilterExceptions(Keep&& keep) {
    std::vector<Exception> kept;
    for (Exception& exception : exceptions_) {
      if (keep(exception.first)) kept.push_back(std::move(exception));
    }
    exceptions_ = std::move(kept);
  }

  const TypeSetPtr& base() const { return base_; }
  // Sorted by name.
  const std::vector<Exception>& exceptions() const { return exceptions_; }
  bool rest_unknown() const { return rest_unknown_; }

 private:
  // The first exception that is not before `name`.
  std::vector<Exception>::const_iterator LowerBound(absl::string_view name) const;

  TypeSetPtr base_ = TypeSet::Empty();
  std::vector<Exception> exceptions_;
  bool rest_unknown_ = false;  // what is neither in base nor an exception is Unknown, not Absent
};

}  // namespace signalbox
