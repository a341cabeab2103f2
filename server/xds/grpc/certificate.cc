#include "server/xds/grpc/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace signalbox {
namespace {

// A chain or a bundle of authorities takes some kilobytes.
constexpr size_t kMaxFileBytes = size_t{1} << 20;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// gRPC's handshakes on this thread must not find our errors.
class CleanErrors {
 public:
  CleanErrors() { ERR_clear_error(); }
  ~CleanErrors() { ERR_clear_error(); }
};

Owned<BIO> Open(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

absl::Status Unusable(const std::string& option, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(option, ": ", what));
}

absl::StatusOr<std::string> ReadNamed(const std::string& option, const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return Unusable(option, text.status().message());
  return text;
}

// The first certificate of a PEM text; null when there is none.
Owned<X509> FirstCertificate(const std::string& text) {
  const Owned<BIO> bio = Open(text);
  return Owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

absl::Time TimeOf(const ASN1_TIME* time) {
  tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfiniteFuture();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string SubjectOf(const X509& certificate) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

// A key that wants a password is refused instead of asking for it on a terminal.
int NoPassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

absl::StatusOr<Certificate> CertificateFiles::Read() const {
  const CleanErrors clean;
  const std::string cert_option = absl::StrCat(option, ".cert");
  const std::string key_option = absl::StrCat(option, ".key");
  const std::string ca_option = absl::StrCat(option, ".client_ca");
  Certificate read;
  SB_ASSIGN_OR_RETURN(read.chain, ReadNamed(cert_option, chain));
  SB_ASSIGN_OR_RETURN(read.key, ReadNamed(key_option, key));
  const Owned<X509> own = FirstCertificate(read.chain);
  if (own == nullptr)
    return Unusable(cert_option, absl::StrCat(chain, " holds no certificate in PEM form"));
  bool encrypted = false;
  const Owned<BIO> key_bio = Open(read.key);
  const Owned<EVP_PKEY> private_key(
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, NoPassword, &encrypted));
  if (encrypted) {
    return Unusable(key_option, absl::StrCat(key,
                                             " is encrypted; store the key without a password "
                                             "in a file that only the daemon reads"));
  }
  if (private_key == nullptr)
    return Unusable(key_option, absl::StrCat(key, " holds no private key in PEM form"));
  if (X509_check_private_key(own.get(), private_key.get()) != 1) {
    return Unusable(key_option, absl::StrCat(key, " is not the key of the certificate in ", chain));
  }
  if (!client_ca.empty()) {
    SB_ASSIGN_OR_RETURN(read.client_ca, ReadNamed(ca_option, client_ca));
    if (FirstCertificate(read.client_ca) == nullptr)
      return Unusable(ca_option, absl::StrCat(client_ca, " holds no certificate in PEM form"));
  }
  read.subject = SubjectOf(*own);
  read.not_before = TimeOf(X509_get0_notBefore(own.get()));
  read.expires = TimeOf(X509_get0_notAfter(own.get()));
  return read;
}

ServerCertificate::ServerCertificate(CertificateFiles files, Timers* timers, const Clock* clock)
    : files_(std::move(files)), timers_(timers), clock_(clock) {}

absl::StatusOr<std::shared_ptr<ServerCertificate>> ServerCertificate::Load(CertificateFiles files,
                                                                           Timers* timers,
                                                                           const Clock* clock) {
  std::shared_ptr<ServerCertificate> certificate(
      new ServerCertificate(std::move(files), timers, clock));
  {
    MutexLock lock(&certificate->mu_);
    SB_RETURN_IF_ERROR(certificate->ReadLocked());
  }
  timers->CallAt(clock->Monotonic() + kInterval, certificate);
  return certificate;
}

std::shared_ptr<const Certificate> ServerCertificate::current() const {
  MutexLock lock(&mu_);
  return current_;
}

std::string ServerCertificate::Signature() const {
  std::string signature;
  for (const std::string& path : {files_.chain, files_.key, files_.client_ca}) {
    struct stat file = {};
    if (path.empty() || ::stat(path.c_str(), &file) != 0) {
      absl::StrAppend(&signature, "-;");
      continue;
    }
    absl::StrAppend(&signature, file.st_dev, ":", file.st_ino, ":", file.st_size, ":",
                    file.st_mtim.tv_sec, ".", file.st_mtim.tv_nsec, ";");
  }
  return signature;
}

absl::Status ServerCertificate::ReadLocked() {
  // Before they are read: what changes meanwhile is read again.
  seen_ = Signature();
  SB_ASSIGN_OR_RETURN(Certificate read, files_.Read());
  current_ = std::make_shared<const Certificate>(std::move(read));
  told_expired_ = false;
  log::Info(
      "certificate read",
      {{"option", files_.option},
       {"file", files_.chain},
       {"subject", current_->subject},
       {"expires", absl::FormatTime(absl::RFC3339_sec, current_->expires, absl::UTCTimeZone())}});
  LookLocked();
  return absl::OkStatus();
}

void ServerCertificate::LookLocked() {
  const absl::Time now = clock_->Now();
  const bool early = now < current_->not_before;
  if (told_expired_ || (!early && now < current_->expires)) return;
  told_expired_ = true;
  log::Warning(
      early ? "the certificate is not valid yet; proxies refuse it"
            : "the certificate has expired; proxies refuse it",
      {{"option", files_.option},
       {"file", files_.chain},
       {"subject", current_->subject},
       {early ? "valid_from" : "expired",
        absl::FormatTime(absl::RFC3339_sec, early ? current_->not_before : current_->expires,
                         absl::UTCTimeZone())}});
}

absl::Status ServerCertificate::Reload() {
  MutexLock lock(&mu_);
  const absl::Status status = ReadLocked();
  if (!status.ok()) {
    log::Error("certificate not taken over; the one in use stays",
               {{"error", status.message()}, {"subject", current_->subject}});
  }
  return status;
}

void ServerCertificate::OnTimer() {
  bool changed = false;
  {
    MutexLock lock(&mu_);
    changed = Signature() != seen_;
    LookLocked();
  }
  if (changed) Reload().IgnoreError();
  timers_->CallAt(clock_->Monotonic() + kInterval, weak_from_this());
}

}  // namespace signalbox
