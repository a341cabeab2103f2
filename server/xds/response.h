#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "server/snapshot/fragment.h"
#include "server/types/resource_type.h"

namespace signalbox {

// A response, encoded: a head of its own, then resources that it shares with other streams. Put one
// after the other they are the protobuf message.
struct Response {
  const ResourceType* type = nullptr;
  std::string nonce;
  std::string head;
  std::vector<Slice> resources;
  size_t resource_count = 0;

  // Of the whole message.
  size_t ByteSize() const {
    size_t size = head.size();
    for (const Slice& slice : resources) size += slice.bytes.size();
    return size;
  }
};

}  // namespace signalbox
