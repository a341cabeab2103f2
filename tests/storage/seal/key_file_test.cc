#include "storage/seal/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/seal/limits.h"
#include "tests/testing/temp_dir.h"

namespace signalbox::testing {
namespace {

using Code = absl::StatusCode;

// Keys 00..1f and 20..3f with their ids.
constexpr char kKeyA[] =
    "be80ae8d42df645b 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr char kKeyB[] =
    "73d59f52e8b627db 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";

struct Directory {
  TempDir directory;
  const KeyFile file{directory.Join("secrets.key")};

  // Writes it as it is, for its owner only.
  absl::StatusOr<KeyRing> Reading(absl::string_view text) const {
    SB_CHECK(WriteFileAtomically(file.path(), text, 0600).ok());
    return file.Read();
  }
  std::string Text() const {
    const auto text = ReadFile(file.path(), 1 << 20);
    SB_CHECK(text.ok());
    return *text;
  }
  mode_t Mode() const {
    struct stat info;
    SB_CHECK(::stat(file.path().c_str(), &info) == 0);
    return info.st_mode & 07777;
  }
  size_t Files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path()))
      ++count;
    return count;
  }
};

std::string Message(const absl::StatusOr<KeyRing>& ring) {
  return std::string(ring.status().message());
}

TEST_CASE("a key file that is missing is made once, for its owner only") {
  const Directory in;
  CHECK(in.file.Read().status().code() == Code::kNotFound);
  const auto made = in.file.ReadOrMake();
  REQUIRE(made.ok());
  CHECK(made->keys().size() == 1);
  CHECK(in.Mode() == 0600);
  CHECK(in.Files() == 1);
  const std::string text = in.Text();
  const auto again = in.file.ReadOrMake();
  REQUIRE(again.ok());
  CHECK(again->active().id == made->active().id);
  CHECK(again->active().bytes == made->active().bytes);
  CHECK(in.Text() == text);
}

TEST_CASE("a missing key file is named, with what to do") {
  const Directory in;
  const auto ring = in.file.Read();
  CHECK(Message(ring) == absl::StrCat("there is no key file ", in.file.path(),
                                      ", without which the store's secrets cannot be read: bring "
                                      "it back from where it is kept (secrets.key_file names the "
                                      "file)"));
}

TEST_CASE("several processes that make the same key file agree on one") {
  const Directory in;
  std::vector<std::string> ids(8);
  std::vector<std::thread> threads;
  for (std::string& id : ids) {
    threads.emplace_back([&] {
      const auto ring = in.file.ReadOrMake();
      if (ring.ok()) id = ring->active().id.Hex();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 1);
  CHECK(ids[0].size() == 16);
  CHECK(in.Files() == 1);
}

TEST_CASE("a key file cannot be made where there is no directory") {
  const Directory in;
  const KeyFile file(in.directory.Join("none/secrets.key"));
  CHECK(file.ReadOrMake().status().code() == Code::kFailedPrecondition);
}

TEST_CASE("the format of a key file is what it was") {
  const Directory in;
  const auto ring = in.Reading(absl::StrCat("# a comment\n\nsignalbox-keys 1\nactive ", kKeyA,
                                            "\nolder ", kKeyB, "\nend 2\n"));
  REQUIRE(ring.ok());
  REQUIRE(ring->keys().size() == 2);
  CHECK(ring->active().id.Hex() == "be80ae8d42df645b");
  CHECK(ring->active().bytes.data()[31] == 0x1f);
  CHECK(ring->keys()[1].bytes.data()[0] == 0x20);
  CHECK(ring->origin() == absl::StrCat("the key file ", in.file.path()));
}

TEST_CASE("a damaged key file is refused with its line") {
  const Directory in;
  struct Case {
    std::string text;
    std::string line;
    std::string what;
  };
  const std::string head = "signalbox-keys 1\n";
  const std::string active = absl::StrCat("active ", kKeyA, "\n");
  const std::string older = absl::StrCat("older ", kKeyB, "\n");
  const std::vector<Case> cases = {
      {"", ":1:", "there is no line \"signalbox-keys 1\""},
      {"# a comment\n", ":2:", "there is no line \"signalbox-keys 1\""},
      {"nonsense\n", ":1:", "the first line must be \"signalbox-keys 1\""},
      {active + "end 1\n", ":1:", "the first line must be"},
      {"signalbox-keys x\n", ":1:", "the format's version is no number"},
      {"signalbox-keys 0\n", ":1:", "the format's version is no number"},
      {head, ":2:", "the file is cut short: there is no line \"end\""},
      {head + "end 0\n", ":2:", "there is no key"},
      {head + active, ":3:", "the file is cut short"},
      {head + active + "end 1", ":3:", "the line is cut short"},
      {head + active + "end\n", ":3:", "\"end\" must be followed by the number of keys"},
      {head + active + "end 2\n", ":3:", "there should be 2 keys, there are 1"},
      {head + active + older + "end 1\n", ":4:", "there should be 1 keys, there are 2"},
      {head + active + "end 1\n" + older, ":4:", "there is more after the line \"end\""},
      {head + older + "end 1\n", ":2:", "a line \"active <id> <key>\" must stand here"},
      {head + active + active + "end 2\n",
       ":3:", "a line \"older <id> <key>\", or \"end\" must stand here"},
      {head + active + "older " + kKeyA + "\nend 2\n",
       ":3:", "key be80ae8d42df645b stands here twice"},
      {head + "active be80ae8d42df645b\nend 1\n", ":2:", "the key's id must be"},
      {head + "active  " + kKeyA + "\nend 1\n", ":2:", "the key's id must be"},
      {head + "active " + kKeyA + " x\nend 1\n", ":2:", "the key's id must be"},
      {head + "active BE80AE8D42DF645B" + std::string(kKeyA).substr(16) + "\nend 1\n",
       ":2:", "the key's id must be"},
      {head + "active " + std::string(kKeyA).substr(0, 79) + "\nend 1\n",
       ":2:", "the key must be 64 lower-case hexadecimal digits"},
      {head + "active " + kKeyA + "00\nend 1\n", ":2:", "the key must be 64"},
      {head + "active be80ae8d42df645b" + std::string(kKeyB).substr(16) + "\nend 1\n",
       ":2:", "the key does not have the id beside it"},
      {head + "active " + kKeyA + "\r\nend 1\n", ":2:", "the key must be 64"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto ring = in.Reading(c.text);
    CHECK(ring.status().code() == Code::kDataLoss);
    CHECK(Message(ring) == absl::StrCat(in.file.path(), c.line, " the key file is damaged: ",
                                        Message(ring).substr(Message(ring).find(c.what))));
    CHECK(absl::EndsWith(Message(ring), "bring back a copy of the file"));
    // Neither key is ever in a message.
    CHECK_FALSE(absl::StrContains(Message(ring), "1a1b1c"));
    CHECK_FALSE(absl::StrContains(Message(ring), "3a3b3c"));
  }
}

TEST_CASE("every cut and every changed digit of a key file is noticed") {
  const Directory in;
  REQUIRE(in.file.ReadOrMake().ok());
  REQUIRE(in.file.Rotate().ok());
  const std::string text = in.Text();
  for (size_t size = 0; size < text.size(); size += 7) {
    INFO(size);
    CHECK(in.Reading(absl::string_view(text).substr(0, size)).status().code() == Code::kDataLoss);
  }
  CHECK(in.Reading(absl::string_view(text).substr(0, text.size() - 1)).status().code() ==
        Code::kDataLoss);
  for (size_t i = text.find("signalbox-keys 1"); i < text.size(); ++i) {
    INFO(i);
    std::string damaged = text;
    damaged[i] = damaged[i] == '7' ? '8' : '7';
    CHECK_FALSE(in.Reading(damaged).ok());
  }
}

TEST_CASE("a random file is no key file and no crash") {
  const Directory in;
  std::mt19937 random(7);
  const std::vector<std::string> words = {
      "signalbox-keys",     "1",   "active", "older", "end", " ", "\n",
      std::string(1, '\0'), kKeyA, kKeyB,    "#",     "\xff"};
  for (int round = 0; round < 300; ++round) {
    std::string text = round % 2 == 0 ? "signalbox-keys 1\n" : "";
    for (int i = random() % 20; i > 0; --i) text += words[random() % words.size()];
    INFO(text);
    const auto ring = in.Reading(text);
    const bool refused = ring.status().code() == Code::kDataLoss ||
                         ring.status().code() == Code::kFailedPrecondition;
    CHECK((ring.ok() || refused));
  }
}

TEST_CASE("a key file of a newer format asks for the newer program") {
  const Directory in;
  const auto ring = in.Reading("signalbox-keys 2\nwhatever\n");
  CHECK(ring.status().code() == Code::kFailedPrecondition);
  CHECK(Message(ring) == absl::StrCat(in.file.path(),
                                      ":1: the key file has format 2, this program knows format 1: "
                                      "run the program that wrote it"));
}

TEST_CASE("a key file that others may read or change is refused with the command to run") {
  const Directory in;
  REQUIRE(in.file.ReadOrMake().ok());
  for (const mode_t mode : {0604, 0640, 0620, 0602, 0610, 0644, 0666, 0777}) {
    SB_CHECK(::chmod(in.file.path().c_str(), mode) == 0);
    for (const auto& ring : {in.file.Read(), in.file.ReadOrMake(), in.file.Rotate()}) {
      CHECK(ring.status().code() == Code::kFailedPrecondition);
      CHECK(absl::EndsWith(Message(ring), absl::StrCat("run: chmod 0600 '", in.file.path(), "'")));
    }
  }
  SB_CHECK(::chmod(in.file.path().c_str(), 0644) == 0);
  CHECK(absl::StrContains(Message(in.file.Read()), "is open to others (mode 0644)"));
  SB_CHECK(::chmod(in.file.path().c_str(), 0400) == 0);
  CHECK(in.file.Read().ok());
}

TEST_CASE("what is no regular file is refused, and not waited for") {
  const Directory in;
  SB_CHECK(::mkfifo(in.file.path().c_str(), 0600) == 0);
  const auto ring = in.file.ReadOrMake();
  CHECK(ring.status().code() == Code::kFailedPrecondition);
  CHECK(absl::EndsWith(Message(ring), "is not a regular file"));
  CHECK(KeyFile(in.directory.path()).Read().status().code() == Code::kFailedPrecondition);
}

TEST_CASE("a file that is too large is no key file") {
  const Directory in;
  const auto ring = in.Reading(std::string(limits::kMaxKeyFileBytes + 1, '#'));
  CHECK(ring.status().code() == Code::kFailedPrecondition);
  CHECK(absl::StrContains(Message(ring), "it is no key file"));
}

TEST_CASE("a rotation adds an active key and keeps the others in order") {
  const Directory in;
  const auto first = in.file.ReadOrMake();
  const auto second = in.file.Rotate();
  const auto third = in.file.Rotate();
  REQUIRE(third.ok());
  CHECK(third->ids() ==
        std::vector<KeyId>{third->active().id, second->active().id, first->active().id});
  CHECK(third->Find(first->active().id)->bytes == first->active().bytes);
  CHECK(in.file.Read()->ids() == third->ids());
  CHECK(in.Mode() == 0600);
  CHECK(in.Files() == 1);
}

TEST_CASE("a rotation needs a key file") {
  const Directory in;
  CHECK(in.file.Rotate().status().code() == Code::kNotFound);
  CHECK(in.Files() == 0);
}

TEST_CASE("a rotation keeps the file's mode, and the symbolic link to it") {
  const Directory in;
  REQUIRE(in.file.ReadOrMake().ok());
  SB_CHECK(::chmod(in.file.path().c_str(), 0400) == 0);
  const std::string link = in.directory.Join("link");
  SB_CHECK(::symlink("secrets.key", link.c_str()) == 0);
  REQUIRE(KeyFile(link).Rotate().ok());
  CHECK(in.Mode() == 0400);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(in.file.Read()->keys().size() == 2);
}

TEST_CASE("a damaged key file is not rotated and not replaced") {
  const Directory in;
  REQUIRE(in.Reading("signalbox-keys 1\n").status().code() == Code::kDataLoss);
  CHECK(in.file.Rotate().status().code() == Code::kDataLoss);
  CHECK(in.file.ReadOrMake().status().code() == Code::kDataLoss);
  CHECK(in.Text() == "signalbox-keys 1\n");
}

TEST_CASE("an older key can be retired, the active one cannot") {
  const Directory in;
  const KeyId first = in.file.ReadOrMake()->active().id;
  const KeyId second = in.file.Rotate()->active().id;
  CHECK(in.file.Retire(second).status().code() == Code::kFailedPrecondition);
  const auto ring = in.file.Retire(first);
  REQUIRE(ring.ok());
  CHECK(ring->ids() == std::vector<KeyId>{second});
  const auto gone = in.file.Retire(first);
  CHECK(gone.status().code() == Code::kNotFound);
  CHECK(Message(gone) ==
        absl::StrCat("the key file ", in.file.path(), " has no key ", first.Hex()));
}

TEST_CASE("a full key file asks for a key to be retired") {
  const Directory in;
  REQUIRE(in.file.ReadOrMake().ok());
  for (size_t i = 1; i < limits::kMaxKeys; ++i) REQUIRE(in.file.Rotate().ok());
  const auto ring = in.file.Rotate();
  CHECK(ring.status().code() == Code::kResourceExhausted);
  CHECK(in.file.Read()->keys().size() == limits::kMaxKeys);
}

TEST_CASE("rotations at once lose no key") {
  const Directory in;
  REQUIRE(in.file.ReadOrMake().ok());
  std::atomic<int> rotated = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) rotated += in.file.Rotate().ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(rotated == 20);
  CHECK(in.file.Read()->keys().size() == 21);
  CHECK(in.Files() == 1);
}

}  // namespace
}  // namespace signalbox::testing
