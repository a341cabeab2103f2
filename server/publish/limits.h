#pragma once

namespace signalbox::limits {

// A database with another history is not followed by itself where a type would lose more than this
// share of its resources from a group, and no fewer than this many: a small group loses half of
// what it has in the course of a day's work. Then somebody has to say so.
inline constexpr double kMassDeleteShare = 0.5;
inline constexpr int kMassDeleteAtLeast = 10;

}  // namespace signalbox::limits
