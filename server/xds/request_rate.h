#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace signalbox {

// How many requests of one stream are taken: `per_second` for ever, and `burst` at once. A pure
// function of the times that it is given, which must not go back.
class RequestRate {
 public:
  RequestRate(double per_second, double burst)
      : per_second_(per_second), burst_(burst), left_(burst) {}

  // Whether a request may be taken at `now`; it then counts.
  bool Take(absl::Time now) {
    left_ = std::min(burst_, left_ + absl::ToDoubleSeconds(now - last_) * per_second_);
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const double per_second_;
  const double burst_;

  double left_;
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace signalbox
