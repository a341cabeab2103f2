#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace signalbox::testing {

// The operations of a life that are to fail, of `total` that it has: the first 40 and 20 drawn from
// the rest with Catch's seed. With SIGNALBOX_LONG set, all of them.
inline std::vector<int64_t> Moments(int64_t total) {
  std::vector<int64_t> moments;
  const bool all = std::getenv("SIGNALBOX_LONG") != nullptr;
  for (int64_t nth = 1; nth <= (all ? total : std::min<int64_t>(total, 40)); ++nth) {
    moments.push_back(nth);
  }
  if (all || total <= 40) return moments;
  std::mt19937 random(Catch::rngSeed());
  for (int i = 0; i < 20; ++i) {
    moments.push_back(std::uniform_int_distribution<int64_t>(41, total)(random));
  }
  return moments;
}

}  // namespace signalbox::testing
