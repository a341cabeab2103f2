#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "server/xds/refusals.h"
#include "storage/model/quarantine.h"

namespace signalbox {

// What the streams of a client leave behind of one type for its next one: what they refused, and
// what it may have without saying so.
struct NodeMemory {
  std::vector<Refusal> refused;        // by name
  std::vector<std::string> unsettled;  // sent, neither acknowledged nor refused (XDS D3)
};

// Something that became refused, or is not any more.
struct RefusalChange {
  std::string type;                // short name
  std::string name;                // of the resource
  std::string before;              // the version that was refused so far; "" for none
  std::optional<Refusal> refusal;  // none: that version is not what there is any more
};

// Who is to send once more what its client refused. Called without any lock of this room's.
class RetryTarget {
 public:
  virtual ~RetryTarget() = default;
  virtual void OnRetry() = 0;
};

// The memories of all clients, each found by node id and client build: two builds with one id must
// not vouch for each other (XDS W2, O2b). Streams of one client that live at the same time each add
// what they find, take back nothing of another's and, where two ask for the same type, do not vouch
// for what another has (C12); those of separate services are each alone with their type. Of clients
// without a stream it holds limits::kMaxRememberedNodes; who was seen longest ago goes first. Safe
// from any thread; calls nobody while locked.
//
// What is refused is meant to outlive the process: whoever writes it down waits for changes and
// takes them; what was written down before, or at another instance, is learned.
class NodeMemories {
 public:
  // A stream's place among those of its client, from Join to Leave.
  struct Seat {
    std::string node;
    std::string client;
    const RetryTarget* stream = nullptr;
    // By type: of what is unsettled, what the stream was told.
    std::map<std::string, uint64_t> as_of;
  };

  // A stream of the client begins. `namespace_name` is that of its resources.
  Seat Join(const std::string& node, const std::string& client, const std::string& namespace_name,
            std::weak_ptr<RetryTarget> stream) SB_EXCLUDES(mu_);
  // The stream begins to ask for a type, by its short name: what is known of the client. Once for
  // each type.
  NodeMemory Recall(const std::string& type, Seat* seat) SB_EXCLUDES(mu_);
  // What the stream found.
  void Note(const Seat& seat, std::vector<RefusalChange> changes) SB_EXCLUDES(mu_);
  // The stream ends; `unsettled` is what it leaves of each type that its client asked for, which
  // takes the place of what it was told of that type.
  void Leave(const Seat& seat, const std::map<std::string, std::vector<std::string>>& unsettled)
      SB_EXCLUDES(mu_);

  // Everything that the node refused, whichever client it was, is to be sent once more. Returns how
  // many resources that are.
  size_t Retry(absl::string_view node) SB_EXCLUDES(mu_);

  // Of how many clients it is known that they refuse something. Takes as long as there are clients.
  size_t CountRefusing() const SB_EXCLUDES(mu_);

  // Waits until somebody's refusals changed or Wake is called, at most so long; whether there is
  // something to take.
  bool WaitForChange(absl::Duration longest) SB_EXCLUDES(mu_);
  // Ends a wait, or the next one.
  void Wake() SB_EXCLUDES(mu_);
  // What clients refuse whose refusals changed since they were taken, at most `count` of them. Each
  // names at most limits::kMaxQuarantines.
  std::vector<NodeQuarantines> TakeChanged(size_t count) SB_EXCLUDES(mu_);
  // These could not be written down: they count as changed again.
  void PutBack(const std::vector<NodeQuarantines>& taken) SB_EXCLUDES(mu_);
  // What the client refuses, as somebody wrote it down; but of a type that a stream of the client
  // asks for here, which knows better, and where something is still to be written.
  void Learn(const std::string& node, const std::string& client, const std::string& namespace_name,
             std::vector<std::pair<std::string, Refusal>> refused) SB_EXCLUDES(mu_);

 private:
  using Key = std::pair<std::string, std::string>;  // node id, client
  struct Live {
    const RetryTarget* stream;
    std::weak_ptr<RetryTarget> target;
    std::set<std::string> types;  // that it asks for
  };
  struct OfType {
    std::map<std::string, Refusal> refused;
    std::map<std::string, uint64_t> unsettled;  // when it was left behind, in `last`'s count
  };
  struct Entry {
    std::string namespace_name;
    std::map<std::string, OfType> types;
    std::vector<Live> streams;
    // The types that two streams of it asked for at once. They may be those of two processes: that
    // one has nothing of a name does not say that the other has not.
    std::set<std::string> shared;
    uint64_t last = 0;
    std::optional<std::list<Key>::iterator> unused;  // its place in `by_use_`
  };
  using Entries = std::map<Key, Entry>;

  // The entry is used by a stream, or may be forgotten.
  void UseLocked(Entry& entry) SB_REQUIRES(mu_);
  void ReleaseLocked(Entries::iterator entry) SB_REQUIRES(mu_);
  void NoteChangedLocked(const Key& key) SB_REQUIRES(mu_);

  mutable Mutex mu_;
  CondVar changed_cv_;
  std::list<Key> by_use_ SB_GUARDED_BY(mu_);  // of those without a stream; the last used first
  Entries entries_ SB_GUARDED_BY(mu_);
  std::set<Key> changed_ SB_GUARDED_BY(mu_);
  bool woken_ SB_GUARDED_BY(mu_) = false;
};

}  // namespace signalbox
