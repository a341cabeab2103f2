#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/types/resource_type.h"

namespace signalbox {

// The resource types that are served, in the order in which changes are pushed (make before break:
// clusters before what names them). Immutable; safe from any thread. The types live as long as the
// registry.
class TypeRegistry {
 public:
  TypeRegistry();
  TypeRegistry(const TypeRegistry&) = delete;
  TypeRegistry& operator=(const TypeRegistry&) = delete;

  // Every type; `in_push_order()[i]->index() == i`.
  absl::Span<const ResourceType* const> in_push_order() const { return in_push_order_; }
  // The type of "type.googleapis.com/...", or nullptr.
  const ResourceType* FindByUrl(absl::string_view type_url) const;
  // The type called "cluster", or nullptr.
  const ResourceType* FindByShortName(absl::string_view short_name) const;
  // "cluster", "endpoints", ... in push order.
  std::vector<std::string> short_names() const;

 private:
  std::vector<std::unique_ptr<ResourceType>> types_;
  std::vector<const ResourceType*> in_push_order_;
};

}  // namespace signalbox
