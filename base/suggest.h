#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signalbox {

// The candidate that `word` was most likely meant to be (fewest insertions, deletions,
// substitutions and swaps of neighbours), or "" when none is near: at most a third of the word's
// length, and at least one, may differ. Ties go to the earlier candidate.
std::string Suggest(absl::string_view word, const std::vector<std::string>& candidates);

// `; did you mean "X"?` for an error's text, or "" when nothing is near.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace signalbox
