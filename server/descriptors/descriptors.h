#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/type_resolver.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace signalbox {

// Every message that this build knows: Envoy's API, what it imports, and our admin API. Files are
// decoded when they are first asked for, so that starting costs little. Descriptors and messages
// must not outlive this object. Safe from any thread; the messages themselves are as safe as any
// protobuf message.
class Descriptors {
 public:
  // Indexes the descriptors that are part of the binary.
  //   kInternal  they are damaged
  static absl::StatusOr<std::unique_ptr<Descriptors>> Create();

  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  // The message of that full name ("envoy.config.cluster.v3.Cluster"), or nullptr.
  const google::protobuf::Descriptor* FindMessage(absl::string_view full_name) const;
  // The message of a type URL ("type.googleapis.com/envoy.config.cluster.v3.Cluster"), or nullptr.
  const google::protobuf::Descriptor* FindByTypeUrl(absl::string_view type_url) const;
  // The extension of that full name ("validate.rules"), or nullptr.
  const google::protobuf::FieldDescriptor* FindExtension(absl::string_view full_name) const;

  // An empty message. `descriptor` must be one of this object's.
  std::unique_ptr<google::protobuf::Message> New(
      const google::protobuf::Descriptor* descriptor) const;
  // A message from its encoded form.
  //   kInvalidArgument  `bytes` are not such a message
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Parse(
      const google::protobuf::Descriptor* descriptor, absl::string_view bytes) const;

  // The full name of every message, nested ones and those of our own API included, sorted. Decodes
  // every file: for errors' suggestions and for tests.
  std::vector<std::string> MessageNames() const;

  // What protobuf's JSON conversion finds messages by.
  google::protobuf::util::TypeResolver* type_resolver() const { return resolver_.get(); }

 private:
  Descriptors();
  absl::Status AddFiles(absl::string_view descriptor_set);

  std::vector<absl::string_view> files_;  // each an encoded FileDescriptorProto within the binary
  google::protobuf::EncodedDescriptorDatabase database_;  // used by pool_ alone, under its lock
  const google::protobuf::DescriptorPool pool_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  mutable google::protobuf::DynamicMessageFactory factory_;
};

// The message in its encoded form, the same for equal messages on every build and in every process:
// maps sorted by key, and so within each nested Any whose type is known to the message's pool.
std::string SerializeDeterministic(const google::protobuf::Message& message);

}  // namespace signalbox
