#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/types/resource_type.h"

namespace google::protobuf {
class Message;
}

namespace signalbox {

// A virtual host (VHDS) is called ROUTE_CONFIGURATION/NAME, and asked for by that or by an alias,
// ROUTE_CONFIGURATION/DOMAIN. A route configuration may have slashes in its name, the rest has
// none. All here are pure and take any text.

// What stands before the last slash, or "".
absl::string_view RouteOfVirtualHost(absl::string_view name);

// Why `name` cannot be a virtual host's; "" when it can.
std::string WrongVirtualHostName(absl::string_view name);

// By what a route configuration says that virtual hosts of its own come by VHDS: a reference of
// type "virtual-host" to this name.
std::string AllVirtualHostsOf(absl::string_view route);

// Adds, for each of the `domains` of `virtual_host`, the alias that it is asked for by, with the
// domain in small letters: a reference of type kAlias, by which the virtual host is found in its
// TypeSet.
void AddVirtualHostAliases(const google::protobuf::Message& virtual_host,
                           std::vector<Reference>* references);

// Adds the reference to AllVirtualHostsOf a `route` configuration that has `vhds`. Where these come
// from, if not over the stream that carries it, is not said: it may be a stream of their own to
// this server.
void AddRouteReferences(const google::protobuf::Message& route, std::vector<Reference>* references);

// What domains with a "*" there are: how long is what stands beside it. So a host is looked for a
// few times only, however long it is.
struct DomainPatterns {
  std::set<size_t, std::greater<size_t>> ends;        // after it: "*.foo.com"
  std::set<size_t, std::greater<size_t>> beginnings;  // before it: "foo.*"

  void Add(absl::string_view domain);
};

// The aliases at which to look for a virtual host of the `route` configuration that answers for
// `host`, where its virtual hosts have these patterns, in the order in which Envoy tries them: the
// domain itself, "*" and its end, the longest first, its beginning and "*", the longest first, "*".
std::vector<std::string> VirtualHostAliases(absl::string_view route, absl::string_view host,
                                            const DomainPatterns& patterns);

}  // namespace signalbox
