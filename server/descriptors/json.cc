#include "server/descriptors/json.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/descriptors/json_check.h"
#include "server/descriptors/kinds.h"

namespace signalbox {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::StringOutputStream;

std::string TypeUrl(const Descriptor* type) {
  return absl::StrCat(kTypeUrlPrefix, type->full_name());
}

// The encoded message that `text` writes, by protobuf's own conversion.
absl::StatusOr<std::string> Convert(const Descriptors& descriptors, const Descriptor* type,
                                    const std::string& text) {
  std::string bytes;
  ArrayInputStream in(text.data(), static_cast<int>(text.size()));
  google::protobuf::util::Status status;
  {
    StringOutputStream out(&bytes);
    status = google::protobuf::util::JsonToBinaryStream(descriptors.type_resolver(), TypeUrl(type),
                                                        &in, &out);
  }
  if (!status.ok()) return absl::InvalidArgumentError(std::string(status.message()));
  return bytes;
}

absl::Status Refusal(const std::vector<FieldError>& errors) {
  std::string text = errors.front().ToString();
  if (errors.size() > 1) absl::StrAppend(&text, " (and ", errors.size() - 1, " more)");
  return absl::InvalidArgumentError(text);
}

absl::StatusOr<std::unique_ptr<Message>> Checked(const Descriptors& descriptors,
                                                 const Descriptor* type, const Struct& json,
                                                 std::vector<FieldError>* errors) {
  *errors = CheckJson(descriptors, type, json);
  if (!errors->empty()) return Refusal(*errors);
  std::string text;
  absl::Status status;
  if (const auto written = google::protobuf::util::MessageToJsonString(json, &text);
      !written.ok()) {
    status = absl::InvalidArgumentError(std::string(written.message()));
  } else if (const auto bytes = Convert(descriptors, type, text); !bytes.ok()) {
    status = bytes.status();
  } else if (auto message = descriptors.Parse(type, *bytes); !message.ok()) {
    status = message.status();
  } else {
    return message;
  }
  errors->push_back({"", std::string(status.message())});
  return Refusal(*errors);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Message>> MessageFromJson(const Descriptors& descriptors,
                                                         const Descriptor* type, const Struct& json,
                                                         std::vector<FieldError>* errors) {
  std::vector<FieldError> found;
  absl::StatusOr<std::unique_ptr<Message>> message = Checked(descriptors, type, json, &found);
  if (errors != nullptr) errors->insert(errors->end(), found.begin(), found.end());
  return message;
}

absl::StatusOr<std::string> MessageToJsonText(const Descriptors& descriptors,
                                              const Message& message) {
  const std::string bytes = SerializeDeterministic(message);
  std::string text;
  ArrayInputStream in(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  google::protobuf::util::Status status;
  {
    StringOutputStream out(&text);
    status = google::protobuf::util::BinaryToJsonStream(
        descriptors.type_resolver(), TypeUrl(message.GetDescriptor()), &in, &out, options);
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", message.GetDescriptor()->full_name(),
                     " cannot be written as JSON: ", std::string(status.message())));
  }
  return text;
}

absl::StatusOr<Struct> MessageToJson(const Descriptors& descriptors, const Message& message) {
  SB_ASSIGN_OR_RETURN(const std::string text, MessageToJsonText(descriptors, message));
  Struct json;
  if (const auto status = google::protobuf::util::JsonStringToMessage(text, &json); !status.ok()) {
    return absl::InvalidArgumentError(std::string(status.message()));
  }
  return json;
}

}  // namespace signalbox
