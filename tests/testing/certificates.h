#pragma once

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace signalbox::testing {

// A certificate with its private key, in PEM form; made anew for each test.
struct KeyedCertificate {
  std::string certificate;
  std::string key;
};

// Signs certificates for tests.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();

  const std::string& certificate() const;

  // A certificate for "localhost" and 127.0.0.1, of servers and clients alike, valid until
  // `expires`.
  KeyedCertificate Issue(const std::string& common_name,
                         absl::Time expires = absl::Now() + absl::Hours(24)) const;

 private:
  struct Keys;
  const std::unique_ptr<Keys> keys_;
};

// A key's PEM form, encrypted with a password.
std::string Encrypted(const std::string& key);

}  // namespace signalbox::testing
