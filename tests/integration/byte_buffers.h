#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

namespace signalbox::testing {

// What is in a message that is not parsed; "" where it cannot be read.
inline std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace signalbox::testing
