#include "server/rpc/status.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/error_details.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace signalbox {
namespace {

constexpr char kDomain[] = "signalbox";
constexpr absl::string_view kCut = "…";

// At most `limit` bytes of the text, cut between characters.
std::string Shortened(absl::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t end = limit - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), kCut);
}

google::rpc::BadRequest BadRequestOf(const std::vector<FieldViolation>& violations, size_t budget) {
  constexpr size_t kLastLine = 64;      // what the line about the rest takes
  constexpr size_t kPerViolation = 16;  // tags and lengths
  constexpr size_t kMaxPart = 1024;
  google::rpc::BadRequest bad_request;
  size_t used = kLastLine;
  for (size_t i = 0; i < violations.size(); ++i) {
    const std::string field = Shortened(violations[i].field, kMaxPart);
    const std::string description = Shortened(
        FieldViolation{
            .field = "", .description = violations[i].description, .subject = violations[i].subject}
            .ToString(),
        kMaxPart);
    used += field.size() + description.size() + kPerViolation;
    if (used > budget) {
      bad_request.add_field_violations()->set_description(
          absl::StrCat(violations.size() - i, " more are not shown"));
      break;
    }
    google::rpc::BadRequest::FieldViolation* out = bad_request.add_field_violations();
    out->set_field(field);
    out->set_description(description);
  }
  return bad_request;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.raw_code());
  const std::string message = Shortened(status.message(), kMaxErrorMessageBytes);
  const std::vector<FieldViolation> violations = ViolationsOf(status);
  const std::string reason = ReasonOf(status);
  if (violations.empty() && reason.empty()) return grpc::Status(code, message);

  google::rpc::Status details;
  details.set_code(status.raw_code());
  details.set_message(message);
  if (!reason.empty()) {
    google::rpc::ErrorInfo info;
    info.set_domain(kDomain);
    info.set_reason(reason);
    details.add_details()->PackFrom(info);
  }
  if (!violations.empty()) {
    constexpr size_t kAnyBytes = 64;
    const size_t used = details.ByteSizeLong() + kAnyBytes;
    details.add_details()->PackFrom(BadRequestOf(violations, kMaxErrorDetailBytes - used));
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (status.error_details().empty() || !details.ParseFromString(status.error_details()))
    return result;
  for (const google::protobuf::Any& any : details.details()) {
    if (google::rpc::BadRequest bad_request; any.UnpackTo(&bad_request)) {
      std::vector<FieldViolation> violations;
      for (const google::rpc::BadRequest::FieldViolation& violation :
           bad_request.field_violations()) {
        violations.push_back({violation.field(), violation.description(), ""});
      }
      result = WithViolations(std::move(result), violations);
    } else if (google::rpc::ErrorInfo info; any.UnpackTo(&info) && info.domain() == kDomain) {
      result = WithReason(std::move(result), info.reason());
    }
  }
  return result;
}

}  // namespace signalbox
