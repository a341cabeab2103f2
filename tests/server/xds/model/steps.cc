#include "tests/server/xds/model/steps.h"

#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace signalbox::testing {
namespace {

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  int Below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  unsigned Bits() { return static_cast<unsigned>(random_()); }

 private:
  std::mt19937 random_;
};

// How a script's publishes go.
struct Mood {
  int trouble;  // one in so many contents is refused; 0 for none
  int invalid;  // of these one in so many without a name; 0 for none
  int removes;  // one in so many edits takes something out
};

std::string DrawTag(int type, const Mood& mood, Dice* dice) {
  std::string tag = "t";
  if (mood.trouble > 0 && dice->OneIn(mood.trouble))
    tag = mood.invalid > 0 && dice->OneIn(mood.invalid) ? "inv" : "bad";
  absl::StrAppend(&tag, dice->Below(3));
  const std::string other = NameOf(dice->Below(kNames));
  if (type == kCluster && dice->OneIn(4)) absl::StrAppend(&tag, ">static");
  if (type == kRoute && !dice->OneIn(4)) absl::StrAppend(&tag, ">cluster/", other);
  if (type == kListener && !dice->OneIn(4))
    absl::StrAppend(&tag, dice->OneIn(3) ? ">cluster/" : ">route/", other);
  return tag;
}

using Edits = std::map<std::pair<int, int>, std::string>;

// What named one cluster names another, which is new, and the first one goes (XDS section 1.5).
void Move(const World& world, Dice* dice, Edits* edits) {
  const int from = dice->Below(kNames), to = (from + 1 + dice->Below(kNames - 1)) % kNames;
  for (const int type : {kListener, kRoute}) {
    for (int name = 0; name < kNames; ++name) {
      if (NamedBy(world.Now(type, NameOf(name)), "cluster") == NameOf(from))
        (*edits)[{type, name}] = absl::StrCat("t", dice->Below(3), ">cluster/", NameOf(to));
    }
  }
  for (const int type : {kCluster, kEndpoints}) {
    (*edits)[{type, from}] = "";
    (*edits)[{type, to}] = absl::StrCat("t", dice->Below(3));
  }
}

// Everything that is refused becomes good.
void Mend(const World& world, Dice* dice, Edits* edits) {
  for (int type = 0; type < static_cast<int>(kTypes.size()); ++type) {
    for (int name = 0; name < kNames; ++name) {
      const std::string& tag = world.Now(type, NameOf(name));
      if (tag.empty() || VerdictOf(tag) == Verdict::kGood) continue;
      (*edits)[{type, name}] = DrawTag(type, {0, 0, 0}, dice);
    }
  }
}

// Everything becomes what it was at a revision.
void RollBack(const World& world, int64_t to, Edits* edits) {
  if (to < 1) return;
  for (int type = 0; type < static_cast<int>(kTypes.size()); ++type) {
    for (int name = 0; name < kNames; ++name) {
      const std::string& before = world.At(to, type, NameOf(name));
      if (before != world.Now(type, NameOf(name))) (*edits)[{type, name}] = before;
    }
  }
}

std::vector<Edit> ListOf(const Edits& edits) {
  std::vector<Edit> list;
  for (const auto& [key, tag] : edits) list.push_back({key.first, key.second, tag});
  return list;
}

std::vector<Edit> DrawEdits(const World& world, const Mood& mood, Dice* dice, Dice* rollbacks) {
  Edits edits;
  if (rollbacks->OneIn(6)) {
    RollBack(world, world.revision() - 1 - rollbacks->Below(2), &edits);
  } else if (dice->OneIn(5)) {
    Move(world, dice, &edits);
  } else if (mood.trouble > 0 && dice->OneIn(6)) {
    Mend(world, dice, &edits);
  }
  if (edits.empty()) {
    for (int i = dice->OneIn(6) ? 12 : 1 + dice->Below(4); i > 0; --i) {
      const int type = dice->Below(static_cast<int>(kTypes.size()));
      edits[{type, dice->Below(kNames)}] =
          dice->OneIn(mood.removes) ? "" : DrawTag(type, mood, dice);
    }
  }
  return ListOf(edits);
}

// Something bad is published and taken back, while a client comes back that has a part of it.
std::vector<Step> DrawMishap(const World& before, int clients, Dice* dice) {
  World world = before;
  const int type = dice->OneIn(2) ? kCluster : kListener;
  const int bad = dice->Below(kNames);
  Edits edits;
  for (int i = 1 + dice->Below(3); i > 0; --i)
    edits[{type, dice->Below(kNames)}] = DrawTag(type, {0, 0, 0}, dice);
  edits[{type, bad}] = absl::StrCat("bad", dice->Below(3));
  std::vector<Step> steps(4);
  steps[0].kind = Step::Kind::kPublish;
  steps[0].edits = ListOf(edits);
  world.Publish(steps[0].edits, absl::UnixEpoch());
  steps[1].kind = Step::Kind::kHandle;
  steps[1].client = dice->Below(clients);
  steps[1].count = 1 + dice->Below(3);
  steps[1].how = dice->Bits();
  edits.clear();
  RollBack(world, world.revision() - 1, &edits);
  steps[2].kind = Step::Kind::kPublish;
  steps[2].edits = ListOf(edits);
  steps[3].kind = Step::Kind::kReconnect;
  steps[3].client = steps[1].client;
  steps[3].how = dice->Bits();
  if (dice->OneIn(2)) steps.emplace_back();  // a rest
  return steps;
}

constexpr absl::Duration kTimes[] = {absl::Milliseconds(10), absl::Milliseconds(600),
                                     absl::Seconds(1),       absl::Seconds(2),
                                     absl::Seconds(5),       absl::Seconds(21)};

Step DrawClientStep(int clients, Dice* dice) {
  Step step;
  step.client = dice->Below(clients);
  step.type = dice->Below(static_cast<int>(kTypes.size()));
  const int what = dice->Below(32);
  if (what < 8) {
    step.kind = Step::Kind::kWant;
    for (int i = 1 + dice->Below(3); i > 0; --i) step.names |= 1u << dice->Below(kNames);
    step.how = dice->Bits();
  } else if (what < 22) {
    step.kind = Step::Kind::kHandle;
    step.count = dice->OneIn(2) ? 100 : 1 + dice->Below(2);
    step.how = dice->OneIn(3) ? 1 : 0;
  } else if (what < 25) {
    step.kind = Step::Kind::kAnswer;
    step.how = dice->Bits();
  } else if (what == 25) {
    step.kind = Step::Kind::kRepeat;
  } else if (what == 26) {
    step.kind = Step::Kind::kAfresh;
  } else if (what < 30) {
    step.kind = Step::Kind::kDeaf;
  } else {
    step.kind = Step::Kind::kReconnect;
    step.how = dice->Bits();
  }
  return step;
}

std::string Names(unsigned names) {
  std::string text;
  for (int i = 0; i < kNames; ++i) {
    if ((names >> i) & 1) absl::StrAppend(&text, text.empty() ? "" : ",", NameOf(i));
  }
  return text;
}

}  // namespace

std::string ClientPlan::Text() const {
  static const char* const kNamesOfKinds[] = {"SotW", "delta", "gRPC", "Envoy SotW", "Envoy delta"};
  return absl::StrCat(kNamesOfKinds[static_cast<int>(kind)], odd ? ", odd" : "",
                      coalesces ? ", coalesces" : "", shares_node ? ", same node" : "",
                      only < 0 ? "" : ", only ",
                      only < 0 ? "" : kTypes[static_cast<size_t>(only)].name);
}

std::string Step::Text() const {
  const std::string who = absl::StrCat("client ", client);
  const std::string of = absl::StrCat(" ", kTypes[static_cast<size_t>(type)].name);
  switch (kind) {
    case Kind::kPublish: {
      std::string text = "publish";
      for (const Edit& edit : edits) absl::StrAppend(&text, " ", edit.Text());
      return text;
    }
    case Kind::kAdvance:
      return absl::StrCat("advance ", absl::FormatDuration(by));
    case Kind::kWant:
      return absl::StrCat(who, " wants", of, " ", Names(names), " how ", how);
    case Kind::kHandle:
      return absl::StrCat(who, " handles ", count, (how & 1) ? " and does not answer" : "");
    case Kind::kAnswer:
      return absl::StrCat(who, " answers", of, " how ", how);
    case Kind::kRepeat:
      return absl::StrCat(who, " repeats", of);
    case Kind::kAfresh:
      return absl::StrCat(who, " asks afresh for", of);
    case Kind::kDeaf:
      return absl::StrCat(who, " reads no more, or again");
    case Kind::kReconnect:
      return absl::StrCat(who, " reconnects", (how & 1) ? "" : ", what arrived is lost");
    case Kind::kRestart:
      return "the daemon restarts";
    case Kind::kUnload:
      return "the daemon restarts and is not loaded";
    case Kind::kRest:
      return "rest";
  }
  return "";
}

std::string Script::Text() const {
  std::string text;
  for (size_t i = 0; i < clients.size(); ++i)
    absl::StrAppend(&text, "client ", i, " is ", clients[i].Text(), "\n");
  for (const Step& step : steps) absl::StrAppend(&text, step.Text(), "\n");
  return text;
}

Script Draw(unsigned seed, int steps) {
  Dice dice(seed), services(seed + 1000003), rollbacks(seed + 2000003), mishaps(seed + 3000017);
  Script script;
  for (int i = 1 + dice.Below(3); i > 0; --i) {
    ClientPlan plan;
    plan.kind = static_cast<ClientPlan::Kind>(dice.Below(5));
    plan.odd = dice.OneIn(3);
    plan.coalesces = plan.kind == ClientPlan::Kind::kEnvoySotw || dice.OneIn(2);
    if (!script.clients.empty() && dice.OneIn(4)) {
      plan = script.clients.back();
      plan.shares_node = true;
    }
    const bool is_textbook =
        plan.kind == ClientPlan::Kind::kSotw || plan.kind == ClientPlan::Kind::kDelta;
    // Who shares its node with one of a single type is that node on another type's service.
    if (is_textbook && (plan.only >= 0 || services.OneIn(4)))
      plan.only = (plan.only + 1 + services.Below(2)) % static_cast<int>(kTypes.size());
    script.clients.push_back(plan);
  }
  Mood mood{0, 0, 2 + dice.Below(6)};
  if (!dice.OneIn(4)) mood.trouble = 2 + dice.Below(8);
  if (dice.OneIn(2)) mood.invalid = 1 + dice.Below(4);
  const int restarts = dice.OneIn(3) ? 40 : 400;
  World world;
  for (int i = 0; i < steps; ++i) {
    if (i > 0 && mishaps.OneIn(60)) {
      for (Step& step : DrawMishap(world, static_cast<int>(script.clients.size()), &mishaps)) {
        if (step.kind == Step::Kind::kPublish) world.Publish(step.edits, absl::UnixEpoch());
        script.steps.push_back(std::move(step));
      }
    }
    Step step;
    if (i == 0 || dice.OneIn(6)) {
      step.kind = Step::Kind::kPublish;
      step.edits = DrawEdits(world, mood, &dice, &rollbacks);
      world.Publish(step.edits, absl::UnixEpoch());
    } else if (dice.OneIn(10)) {
      step.kind = Step::Kind::kAdvance;
      step.by = kTimes[dice.Below(std::size(kTimes))];
    } else if (dice.OneIn(50)) {
      step.kind = Step::Kind::kRest;
    } else if (dice.OneIn(restarts)) {
      step.kind = dice.OneIn(3) ? Step::Kind::kUnload : Step::Kind::kRestart;
    } else {
      step = DrawClientStep(static_cast<int>(script.clients.size()), &dice);
    }
    script.steps.push_back(std::move(step));
  }
  return script;
}

}  // namespace signalbox::testing
