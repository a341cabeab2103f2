#include "server/descriptors/descriptors.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "proto/admin_api_descriptors.h"
#include "server/descriptors/kinds.h"
#include "third_party/envoy_api/descriptors.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// FileDescriptorSet.file and FileDescriptorProto.name are both field 1, length-delimited.
constexpr uint32_t kFieldOne =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

// Every value of field 1 in an encoded message, as parts of `encoded`.
absl::StatusOr<std::vector<absl::string_view>> ValuesOfFieldOne(absl::string_view encoded) {
  std::vector<absl::string_view> values;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(encoded.data()),
                      static_cast<int>(encoded.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (tag != kFieldOne) {
      if (!WireFormatLite::SkipField(&in, tag))
        return absl::InternalError("the embedded descriptors are damaged");
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return absl::InternalError("the embedded descriptors are damaged");
    const size_t start = static_cast<size_t>(in.CurrentPosition());
    if (!in.Skip(static_cast<int>(size)))
      return absl::InternalError("the embedded descriptors are damaged");
    values.push_back(encoded.substr(start, size));
  }
  return values;
}

void AddMessageNames(const google::protobuf::DescriptorProto& message, const std::string& scope,
                     std::vector<std::string>* names) {
  const std::string name =
      scope.empty() ? message.name() : absl::StrCat(scope, ".", message.name());
  for (const auto& nested : message.nested_type()) {
    if (!nested.options().map_entry()) AddMessageNames(nested, name, names);
  }
  names->push_back(name);
}

}  // namespace

Descriptors::Descriptors() : pool_(&database_), factory_(&pool_) {
  const size_t end_of_host = kTypeUrlPrefix.size() - 1;  // the resolver adds the slash
  resolver_.reset(google::protobuf::util::NewTypeResolverForDescriptorPool(
      std::string(kTypeUrlPrefix.substr(0, end_of_host)), &pool_));
}

absl::Status Descriptors::AddFiles(absl::string_view descriptor_set) {
  std::set<absl::string_view> known;
  for (absl::string_view file : files_) {
    SB_ASSIGN_OR_RETURN(const auto name, ValuesOfFieldOne(file));
    known.insert(name.begin(), name.end());
  }
  SB_ASSIGN_OR_RETURN(const auto files, ValuesOfFieldOne(descriptor_set));
  for (absl::string_view file : files) {
    SB_ASSIGN_OR_RETURN(const auto name, ValuesOfFieldOne(file));
    // Both sets carry what they import of google/protobuf.
    if (name.size() == 1 && known.count(name[0]) != 0) continue;
    if (!database_.Add(file.data(), static_cast<int>(file.size()))) {
      return absl::InternalError("the embedded descriptors are damaged");
    }
    files_.push_back(file);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Descriptors>> Descriptors::Create() {
  std::unique_ptr<Descriptors> descriptors(new Descriptors());
  for (const auto& sets : {EnvoyApiDescriptors(), AdminApiDescriptors()}) {
    for (const EmbeddedFile& set : sets) SB_RETURN_IF_ERROR(descriptors->AddFiles(set.content));
  }
  return descriptors;
}

const Descriptor* Descriptors::FindMessage(absl::string_view full_name) const {
  return pool_.FindMessageTypeByName(std::string(full_name));
}

const Descriptor* Descriptors::FindByTypeUrl(absl::string_view type_url) const {
  if (!absl::StartsWith(type_url, kTypeUrlPrefix)) return nullptr;
  return FindMessage(type_url.substr(kTypeUrlPrefix.size()));
}

const FieldDescriptor* Descriptors::FindExtension(absl::string_view full_name) const {
  return pool_.FindExtensionByName(std::string(full_name));
}

std::unique_ptr<Message> Descriptors::New(const Descriptor* descriptor) const {
  SB_CHECK(descriptor->file()->pool() == &pool_);
  return std::unique_ptr<Message>(factory_.GetPrototype(descriptor)->New());
}

absl::StatusOr<std::unique_ptr<Message>> Descriptors::Parse(const Descriptor* descriptor,
                                                            absl::string_view bytes) const {
  std::unique_ptr<Message> message = New(descriptor);
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the bytes are not a ", descriptor->full_name()));
  }
  return message;
}

std::vector<std::string> Descriptors::MessageNames() const {
  std::vector<std::string> names;
  for (absl::string_view encoded : files_) {
    google::protobuf::FileDescriptorProto file;
    SB_CHECK(file.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())));
    for (const auto& message : file.message_type())
      AddMessageNames(message, file.package(), &names);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace signalbox
