#include "server/types/virtual_host.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace signalbox {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* Field(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  SB_CHECK(field != nullptr);
  return field;
}

}  // namespace

absl::string_view RouteOfVirtualHost(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : name.substr(0, slash);
}

std::string WrongVirtualHostName(absl::string_view name) {
  const absl::string_view route = RouteOfVirtualHost(name);
  if (!route.empty() && route.size() + 1 < name.size()) return "";
  return "a virtual host is called ROUTE_CONFIGURATION/NAME, as proxies ask for it";
}

std::string AllVirtualHostsOf(absl::string_view route) { return absl::StrCat(route, "/*"); }

void AddVirtualHostAliases(const Message& virtual_host, std::vector<Reference>* references) {
  const std::string name =
      virtual_host.GetReflection()->GetString(virtual_host, Field(virtual_host, "name"));
  const absl::string_view route = RouteOfVirtualHost(name);
  const FieldDescriptor* domains = Field(virtual_host, "domains");
  for (int i = 0; i < virtual_host.GetReflection()->FieldSize(virtual_host, domains); ++i) {
    const std::string domain =
        virtual_host.GetReflection()->GetRepeatedString(virtual_host, domains, i);
    references->push_back(
        {std::string(kAlias), absl::StrCat(route, "/", absl::AsciiStrToLower(domain))});
  }
}

void AddRouteReferences(const Message& route, std::vector<Reference>* references) {
  if (!route.GetReflection()->HasField(route, Field(route, "vhds"))) return;
  const std::string name = route.GetReflection()->GetString(route, Field(route, "name"));
  references->push_back({"virtual-host", AllVirtualHostsOf(name)});
}

void DomainPatterns::Add(absl::string_view domain) {
  if (domain.size() < 2) return;
  if (domain.front() == '*') {
    ends.insert(domain.size() - 1);
  } else if (domain.back() == '*') {
    beginnings.insert(domain.size() - 1);
  }
}

std::vector<std::string> VirtualHostAliases(absl::string_view route, absl::string_view host,
                                            const DomainPatterns& patterns) {
  const std::string domain = absl::AsciiStrToLower(host);
  const absl::string_view text = domain;
  std::vector<std::string> aliases = {absl::StrCat(route, "/", text)};
  for (const size_t length : patterns.ends) {
    if (length < text.size())
      aliases.push_back(absl::StrCat(route, "/*", text.substr(text.size() - length)));
  }
  for (const size_t length : patterns.beginnings) {
    if (length < text.size())
      aliases.push_back(absl::StrCat(route, "/", text.substr(0, length), "*"));
  }
  aliases.push_back(AllVirtualHostsOf(route));
  return aliases;
}

}  // namespace signalbox
