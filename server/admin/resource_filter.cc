#include "server/admin/resource_filter.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/error_details.h"
#include "base/status_macros.h"
#include "server/admin/errors.h"
#include "server/admin/limits.h"
#include "server/descriptors/kinds.h"
#include "storage/limits.h"
#include "storage/model/resource.h"
#include "storage/model/revision.h"

namespace signalbox {
namespace {

constexpr absl::string_view kLabel = "label.";

absl::Status Wrong(std::string description) {
  return InvalidFields({{"filter", std::move(description), ""}});
}

struct Term {
  std::string key;
  std::string value;
};

// Reads the terms one by one.
class FilterReader {
 public:
  explicit FilterReader(absl::string_view text) : rest_(text) {}

  absl::StatusOr<std::vector<Term>> Read() {
    std::vector<Term> terms;
    SkipSpaces();
    while (!rest_.empty()) {
      if (!terms.empty()) SB_RETURN_IF_ERROR(TakeAnd());
      Term term;
      SB_ASSIGN_OR_RETURN(term.key, TakeWord("="));
      if (!absl::ConsumePrefix(&rest_, "=") || term.key.empty())
        return Wrong(absl::StrCat("\"", term.key, rest_.substr(0, rest_.find(' ')),
                                  "\" is no term: KEY=VALUE, joined by AND"));
      SB_ASSIGN_OR_RETURN(term.value, TakeWord(""));
      terms.push_back(std::move(term));
      SkipSpaces();
    }
    return terms;
  }

 private:
  void SkipSpaces() {
    while (absl::ConsumePrefix(&rest_, " ")) {
    }
  }

  absl::Status TakeAnd() {
    SB_ASSIGN_OR_RETURN(const std::string word, TakeWord("="));
    if (word != "AND" || !absl::StartsWith(rest_, " "))
      return Wrong(absl::StrCat("\"", word, "\" cannot stand between two terms: only AND can"));
    SkipSpaces();
    return absl::OkStatus();
  }

  // Up to a space or one of `ends`, neither of them in quotes.
  absl::StatusOr<std::string> TakeWord(absl::string_view ends) {
    std::string word;
    bool quoted = false;
    size_t at = 0;
    for (; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (c == '"') {
        quoted = !quoted;
        continue;
      }
      if (!quoted && (c == ' ' || absl::StrContains(ends, c))) break;
      const bool escape = quoted && c == '\\' && at + 1 < rest_.size();
      word.push_back(escape ? rest_[++at] : c);
    }
    if (quoted) return Wrong("a quote is not closed");
    rest_.remove_prefix(at);
    return word;
  }

  absl::string_view rest_;
};

absl::Status UnknownKey(const std::string& key) {
  const size_t dot = key.find('.');
  return Wrong(errors::UnknownFilterKey(
      key, dot == std::string::npos ? key : absl::StrCat("label", key.substr(dot))));
}

absl::Status TakeKind(absl::string_view field, const std::string& kind, ResourceFilter* filter) {
  if (FindKind(kind) == nullptr)
    return InvalidFields({{std::string(field), errors::UnknownKind(kind, KindNames()), ""}});
  if (filter->type.has_value() && *filter->type != kind)
    return Wrong(absl::StrCat("asks for ", kind, " and the request for ", *filter->type));
  filter->type = kind;
  return absl::OkStatus();
}

absl::Status Take(const Term& term, ResourceFilter* filter) {
  absl::string_view key(term.key);
  if (absl::ConsumePrefix(&key, kLabel) && !key.empty()) {
    const auto [known, is_new] = filter->labels.emplace(std::string(key), term.value);
    if (!is_new && known->second != term.value)
      return Wrong(absl::StrCat("no label has two values: ", term.key));
    return absl::OkStatus();
  }
  if (term.key == "kind") return TakeKind("filter", term.value, filter);
  if (term.key == "group") {
    if (term.value != kDefaultGroup) return Wrong(errors::UnknownGroup(term.value));
    filter->group = term.value;
    return absl::OkStatus();
  }
  if (term.key == "changed_since") {
    Revision revision;
    if (!absl::SimpleAtoi(term.value, &revision.number) || revision.number < 0) {
      return Wrong(
          absl::StrCat("changed_since is a revision, such as 412, not \"", term.value, "\""));
    }
    filter->changed_since = revision;
    return absl::OkStatus();
  }
  return UnknownKey(term.key);
}

}  // namespace

absl::StatusOr<ResourceFilter> ReadResourceFilter(const admin::v1::ListRequest& request) {
  ResourceFilter filter;
  if (!request.namespace_().empty()) {
    if (request.namespace_() != kDefaultNamespace) {
      return InvalidFields({{"namespace", errors::UnknownNamespace(request.namespace_()), ""}});
    }
    filter.namespace_name = request.namespace_();
  }
  if (!request.kind().empty()) SB_RETURN_IF_ERROR(TakeKind("kind", request.kind(), &filter));
  if (request.filter().size() > limits::kMaxFilterBytes) {
    return Wrong(absl::StrCat("is too long: ", request.filter().size(), " bytes, the limit is ",
                              limits::kMaxFilterBytes));
  }
  SB_ASSIGN_OR_RETURN(const std::vector<Term> terms, FilterReader(request.filter()).Read());
  for (const Term& term : terms) SB_RETURN_IF_ERROR(Take(term, &filter));
  if (filter.labels.size() > limits::kMaxLabelsPerFilter) {
    return Wrong(absl::StrCat("asks for ", filter.labels.size(), " labels, the limit is ",
                              limits::kMaxLabelsPerFilter));
  }
  return filter;
}

std::vector<std::string> PartsOf(const ResourceFilter& filter) {
  std::vector<std::string> parts = {
      filter.namespace_name.value_or(""), filter.type.value_or(""), filter.group.value_or(""),
      filter.changed_since.has_value() ? absl::StrCat(filter.changed_since->number) : ""};
  for (const auto& [key, value] : filter.labels) {
    parts.push_back(key);
    parts.push_back(value);
  }
  return parts;
}

}  // namespace signalbox
