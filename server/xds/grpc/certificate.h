#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/timers.h"

namespace signalbox {

// A server's certificate as it is used, in PEM form. Immutable.
struct Certificate {
  std::string chain;      // the server's own first
  std::string key;        // of that
  std::string client_ca;  // "": clients need no certificate
  std::string subject;    // "CN=xds.example"
  absl::Time not_before;
  absl::Time expires;
};

// Where it lies.
struct CertificateFiles {
  std::string option;  // "xds.tls": what errors name, with .cert, .key or .client_ca behind it
  std::string chain;
  std::string key;
  std::string client_ca;  // "": clients need no certificate

  // What is in them, which fits together.
  //   kFailedPrecondition  a file cannot be read, is not what it should be, or the key is not the
  //                        certificate's; the text names the option and the file
  absl::StatusOr<Certificate> Read() const;
};

// The certificate of a listener, read again when one of its files changes; what cannot be used is
// logged, and the one in use stays. Safe from any thread.
class ServerCertificate : public TimerTarget,
                          public std::enable_shared_from_this<ServerCertificate> {
 public:
  // How often files are looked at.
  static constexpr absl::Duration kInterval = absl::Seconds(2);

  // Reads it, and looks after its files from now on. `timers` and `clock` must outlive this object.
  //   kFailedPrecondition  as CertificateFiles::Read
  static absl::StatusOr<std::shared_ptr<ServerCertificate>> Load(CertificateFiles files,
                                                                 Timers* timers,
                                                                 const Clock* clock);

  std::shared_ptr<const Certificate> current() const SB_EXCLUDES(mu_);
  // Whether clients must show a certificate; the same as long as this object lives.
  bool wants_client_certificates() const { return !files_.client_ca.empty(); }

  // Reads the files, changed or not.
  //   kFailedPrecondition  as CertificateFiles::Read; the one in use stays, and it was logged
  absl::Status Reload() SB_EXCLUDES(mu_);

  void OnTimer() override SB_EXCLUDES(mu_);

 private:
  ServerCertificate(CertificateFiles files, Timers* timers, const Clock* clock);
  // What tells that a file is another one: its times, sizes and numbers.
  std::string Signature() const;
  // Reads and takes over.
  absl::Status ReadLocked() SB_REQUIRES(mu_);
  void LookLocked() SB_REQUIRES(mu_);

  const CertificateFiles files_;
  Timers* const timers_;
  const Clock* const clock_;

  mutable Mutex mu_;
  std::shared_ptr<const Certificate> current_ SB_GUARDED_BY(mu_);
  std::string seen_ SB_GUARDED_BY(mu_);  // the signature before the last reading
  bool told_expired_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
