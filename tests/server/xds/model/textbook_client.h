#pragma once

#include <memory>
#include <string>

#include "tests/server/xds/model/client.h"

namespace signalbox::testing {

// A client that does all that the protocol's text allows, of both variants: any type in any order,
// names and wildcards that come and go, late answers, answers to the newest only, requests that
// say nothing new, without a nonce, with an old or an unknown one.
std::unique_ptr<Client> MakeTextbookClient(Scene* scene, std::string who, const ClientPlan& plan,
                                           const std::string& node);

}  // namespace signalbox::testing
