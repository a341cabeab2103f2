#pragma once

#include <vector>

#include "cli/output.h"
#include "cli/verb.h"
#include "signalbox/admin/v1/config.pb.h"

namespace signalbox::cli {

// `get KIND[/NAME]...`: resources as they are stored.
Verb GetVerb();

enum class Shape { kObject, kList };

// The resources for every format, in the order given. With Shape::kObject there must be exactly
// one.
Report ResourceReport(const std::vector<admin::v1::Resource>& resources, Shape shape);

}  // namespace signalbox::cli
