#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "signalbox/admin/v1/config.pb.h"
#include "storage/resource_store.h"

namespace signalbox {

// Which resources a list is of: the request's namespace and kind, and its `filter`:
//
//   label.env=prod AND group=edge AND changed_since=412
//
// KEY=VALUE terms joined by AND. What holds a space, a quote or a '=' stands in double quotes, in
// which \" and \\ are a quote and a backslash: label.team="our own". The keys:
//   label.KEY      the label's value
//   group          resources that are for this group, or for every one
//   kind           as the request's kind
//   changed_since  a revision: resources that changed after it
//   kInvalidArgument  a namespace, kind or group that does not exist, or a filter that cannot be
//                     read; the field violation names the term
absl::StatusOr<ResourceFilter> ReadResourceFilter(const admin::v1::ListRequest& request);

// Everything that the filter says, for the list's page tokens: equal filters give equal parts.
std::vector<std::string> PartsOf(const ResourceFilter& filter);

}  // namespace signalbox
