#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace signalbox {

// Names of the form xdstp://AUTHORITY/TYPE/ID?KEY=VALUE&...#DIRECTIVES (cncf/xds TP1, XDS X1, X2).
// All here are pure and take any text.

// The form in which names are compared: of an xdstp name the context parameters sorted and the
// directives left out; any other name as it is.
std::string NormalizedName(absl::string_view name);

// Whether a name stands for a collection: an xdstp name whose ID ends in a segment "*".
bool IsCollection(absl::string_view name);

// The collection that a normalised xdstp name is in: its last segment is "*", the rest the same,
// context parameters included. A collection holds what is directly in it, nothing deeper. "" for
// any other name, collections too.
std::string CollectionOf(absl::string_view name);

}  // namespace signalbox
