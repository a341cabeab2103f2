#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/server/xds/model/connection.h"
#include "tests/server/xds/model/scene.h"

namespace signalbox::testing {

// How a client refuses.
enum class Judging {
  kByContent,  // as the content says (Verdict)
  kAllNamed,   // by name, the rest is applied (gRPC, A46)
  kAllOrNone,  // without a name, nothing is applied (Envoy's endpoints and routes)
};

// One type of one client: what it asks for and what it has, as the protocol's text has it (XDS
// sections 1.3 and 1.4). When to ask and to answer is its owner's matter.
class Channel {
 public:
  struct Traits {
    Judging judging = Judging::kByContent;
    bool says_star = false;  // "*" where an empty list would do
    bool forgets = false;  // delta: what came with a refused response is not listed when it returns
  };
  // What a message did.
  struct Outcome {
    std::vector<std::string> applied;  // also what the client had already
    std::vector<std::string> removed;  // delta: also what the client did not have
    std::vector<std::string> refused;  // is in the message and was not applied
    // Of `applied`, in the place of what the server does not know of.
    std::set<std::string> unsaid;
    bool accepted = false;
  };

  // `scene` and `connection` must outlive this object.
  Channel(Scene* scene, Connection* connection, int type, Traits traits)
      : scene_(scene), connection_(connection), type_(type), traits_(traits) {}

  // --- interest
  bool wildcard() const { return wildcard_; }
  const std::set<std::string>& names() const { return names_; }
  bool wants() const { return wildcard_ || !names_.empty(); }
  bool Covers(const std::string& name) const { return wildcard_ || names_.contains(name); }
  // Whether the stream's first request of the type was made.
  bool begun() const { return connection_->Asked(type_); }
  // Whether it said there that it has something.
  bool presented() const { return presented_; }
  // Whether an earlier stream of its node may have left something.
  bool came_back() const { return streams_ > 1 || connection_->shares_node(); }

  // The stream's first request. Where the client wants nothing there is none, unless it is made
  // `anyway`, which is no subscription (XDS W7).
  void Begin(bool anyway = false);
  // Makes this the interest, and says so where the stream has begun. Delta: `again` are asked for
  // once more; `idle` are dropped although they were never asked for; `nonce` goes along.
  void Want(bool wildcard, std::set<std::string> names, const std::set<std::string>& again = {},
            const std::set<std::string>& idle = {}, const std::string& nonce = "");
  // SotW: the same request once more; with an older nonce it is `stale`.
  void Repeat(bool stale = false);
  // SotW: the request without a nonce (XDS W4). Delta: asks for everything again under a nonce that
  // nobody sent (XDS D7), with versions that count no more (D-12).
  void Afresh();

  // --- responses
  Outcome Take(const Received& received);
  bool unanswered() const { return !unanswered_.empty(); }
  // SotW: `neither` says neither yes nor no.
  void AnswerOldest(bool neither = false);
  void AnswerAll() {
    while (unanswered()) AnswerOldest();
  }
  // Answers the newest, which settles the others (XDS W1); where that would keep a refusal to
  // itself, of a type whose responses are parts, all of them.
  void AnswerNewest();

  // Without a stream nothing is answered any more.
  void OnClosed();

  bool Holds(const std::string& name) const { return held_.contains(name); }
  // The tag of what it has, "" for nothing.
  std::string Held(const std::string& name) const;
  std::map<std::string, std::string> HeldAll() const;
  // What is wrong at rest.
  void AtRest(std::vector<std::string>* wrong) const;

 private:
  struct Content {
    std::string tag;
    int64_t revision;  // as of which it was sent
    int daemon;        // which knows that it was
    bool accepted;     // with the message that brought it
  };
  struct Answer {
    std::string nonce;
    std::string version;
    std::optional<std::string> error;
    std::map<std::string, std::string> resources;  // of the response
  };

  bool sotw() const { return connection_->variant() == Variant::kSotw; }
  const TypeRow& row() const { return kTypes[static_cast<size_t>(type_)]; }
  bool full_state() const { return sotw() && row().full_state; }
  std::vector<std::string> List();
  void Remove(const Received& received, const std::string& name);
  // Whether it has what came beside something refused: no version tells that, and another daemon
  // does not know of it.
  bool IsUnsaid(const std::string& name) const;
  void Apply(const Received& received, const std::string& name, const std::string& tag,
             bool accepted);
  void Violation(const std::string& text) const;

  Scene* const scene_;
  Connection* const connection_;
  const int type_;
  const Traits traits_;

  bool wildcard_ = false;
  std::set<std::string> names_;
  bool named_ = false;  // on this stream it gave a name (XDS W6)
  std::map<std::string, Content> held_;
  std::set<std::string> recorded_;  // delta: what it lists when it comes back
  std::set<std::string> awaited_;   // asked for by name, and nothing was said of it since
  std::string version_;             // SotW: accepted last
  bool presented_ = false;          // on this stream it said that it has something
  int streams_ = 0;                 // on which it asked for the type
  bool refused_ = false;            // something, on this stream
  bool coalesced_ = false;          // it answered the newest of several alone
  std::deque<Answer> unanswered_;
  Answer answered_;                           // last
  std::map<std::string, std::string> acked_;  // what it acknowledged last, by name
  std::string older_nonce_;                   // the one before
  // SotW: what the newest message carried, where nothing of it was applied.
  std::map<std::string, std::string> passed_over_;
};

}  // namespace signalbox::testing
