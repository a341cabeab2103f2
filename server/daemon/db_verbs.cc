#include "server/daemon/db_verbs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cli/human.h"
#include "cli/option_flags.h"
#include "options/store_settings.h"
#include "server/daemon/open_offline_store.h"
#include "server/daemon/open_store.h"
#include "server/maintenance/adopt.h"
#include "server/maintenance/reports.h"
#include "server/maintenance/rotate_key.h"
#include "server/maintenance/schemas.h"
#include "storage/resource_store.h"
#include "storage/seal/errors.h"
#include "storage/seal/key_file.h"
#include "storage/seal/key_id.h"
#include "storage/seal/key_ring.h"
#include "storage/slow_queries.h"
#include "storage/standbys.h"
#include "storage/upkeep.h"

namespace signalbox {
namespace {

using cli::Arguments;
using cli::Cell;
using cli::Context;
using cli::ExitCode;
using cli::Tone;
using cli::Verb;
using Way = MigrationPlan::Way;

// An option that is wrong, or a store that cannot be had.
ExitCode Refuse(Context& context, const absl::Status& status) {
  std::string hint;
  if (absl::IsFailedPrecondition(status)) hint = "on SQLite the daemon must be stopped first";
  if (absl::IsNotFound(status))
    hint = "`signalbox config show` shows where the store is looked for";
  return context.out->Fail({status, std::move(hint)});
}

ExitCode Usage(Context& context, std::string text, std::string hint) {
  cli::Failure failure(absl::InvalidArgumentError(std::move(text)), std::move(hint));
  failure.exit_code = ExitCode::kUsage;
  return context.out->Fail(failure);
}

// The store that the command is about, and what it needs to live.
struct Offline {
  SystemClock clock;
  OfflineStore store;
};

absl::StatusOr<std::unique_ptr<Offline>> OpenFor(const Context& context,
                                                 const Arguments& arguments) {
  SB_ASSIGN_OR_RETURN(const cli::LoadedOptions loaded, cli::LoadOptions(context, arguments));
  auto offline = std::make_unique<Offline>();
  SB_ASSIGN_OR_RETURN(offline->store, OpenOfflineStore(loaded.settings, &offline->clock));
  return offline;
}

std::string StepNames(const std::vector<Migration>& steps) {
  return absl::StrJoin(steps, ", ", [](std::string* out, const Migration& step) {
    absl::StrAppend(out, step.version, " ", step.name);
  });
}

Cell StateCell(const MigrationStatus& status) {
  if (!status.fitness.ok()) return Cell("does not fit", Tone::kBad);
  if (!status.pending.empty()) {
    return Cell(absl::StrCat(status.pending.size(), " pending: ", StepNames(status.pending)),
                Tone::kWarning);
  }
  if (status.access == MigrationStatus::Access::kReadOnly)
    return Cell("newer, to be read only", Tone::kWarning);
  if (status.version() > status.known) return Cell("newer", Tone::kGood);
  return Cell("up to date", Tone::kGood);
}

// What outlives the loss of the database's server.
std::string StandbyLine(const Standbys& standbys) {
  if (standbys.synchronous.empty())
    return "no standby is synchronous: what was acknowledged is lost with the server";
  std::string line = absl::StrCat("synchronous standbys: ", cli::Printable(standbys.synchronous));
  if (standbys.connected.has_value())
    absl::StrAppend(&line, ", ", *standbys.connected, " connected");
  return line;
}

ExitCode Status(Context& context, const Arguments& arguments) {
  const absl::StatusOr<std::unique_ptr<Offline>> offline = OpenFor(context, arguments);
  if (!offline.ok()) return Refuse(context, offline.status());
  const absl::StatusOr<std::vector<AreaStatus>> statuses = ReadSchemas((*offline)->store);
  if (!statuses.ok()) return context.out->Fail({statuses.status()});
  std::optional<Standbys> standbys;
  if ((*offline)->store.standbys != nullptr) {
    absl::StatusOr<Standbys> read = (*offline)->store.standbys();
    if (!read.ok()) return Refuse(context, read.status());
    standbys = *std::move(read);
  }
  cli::Report report{.kind = "SchemaList", .data = ToJson(*statuses, standbys)};
  if (standbys.has_value()) report.text = StandbyLine(*standbys);
  report.table.columns = {{"AREA"},
                          {"VERSION", cli::Column::Align::kRight},
                          {"KNOWN", cli::Column::Align::kRight},
                          {"STATE"},
                          {"WHERE"}};
  bool fit = true;
  for (const AreaStatus& area : *statuses) {
    report.table.rows.push_back({area.area, absl::StrCat(area.status.version()),
                                 absl::StrCat(area.status.known), StateCell(area.status),
                                 Cell(area.where, Tone::kFaint)});
    report.names.push_back(absl::StrCat("area/", area.area));
    fit = fit && area.status.fitness.ok();
  }
  context.out->Print(report);
  for (const AreaStatus& area : *statuses) {
    if (!area.status.fitness.ok()) context.out->Warn(area.status.fitness.message());
  }
  return fit ? ExitCode::kDone : ExitCode::kNegative;
}

// What the arguments of `db migrate` ask for; none when they are wrong and that was said.
std::optional<SchemaChange> ChangeIn(Context& context, const Arguments& arguments) {
  SchemaChange change = {.area = arguments.Value("area")};
  if (!arguments.positionals().empty()) {
    if (arguments.positionals()[0] != "down") {
      Usage(context, absl::StrCat("unexpected argument \"", arguments.positionals()[0], "\""),
            "it is `signalbox db migrate` or `signalbox db migrate down`");
      return std::nullopt;
    }
    change.way = Way::kDown;
  }
  if (const std::optional<std::string> target = arguments.Value("target-version")) {
    int version = 0;
    if (!absl::SimpleAtoi(*target, &version) || version < 0) {
      Usage(context, absl::StrCat("--target-version cannot be \"", *target, "\""),
            "a version is 0, 1, 2, ...; `signalbox db status` shows them");
      return std::nullopt;
    }
    change.target = version;
  }
  if (arguments.Has("dry-run")) change.dry_run = SchemaChange::DryRun::kYes;
  if (change.way == Way::kDown && !context.yes && change.dry_run == SchemaChange::DryRun::kNo) {
    Usage(context, "what a migration brought is lost when it is taken back: say --yes",
          "`--dry-run` shows what would be done");
    return std::nullopt;
  }
  return change;
}

ExitCode Migrate(Context& context, const Arguments& arguments) {
  const std::optional<SchemaChange> change = ChangeIn(context, arguments);
  if (!change.has_value()) return ExitCode::kUsage;
  const absl::StatusOr<std::unique_ptr<Offline>> offline = OpenFor(context, arguments);
  if (!offline.ok()) return Refuse(context, offline.status());
  const absl::StatusOr<SchemaChanged> changed = ChangeSchemas((*offline)->store, *change);
  if (!changed.ok())
    return context.out->Fail({changed.status(), "`signalbox db status` shows more"});

  const bool dry = change->dry_run == SchemaChange::DryRun::kYes;
  cli::Report report{.kind = "Migration", .data = ToJson(*changed, change->dry_run)};
  report.table.columns = {{"AREA"},
                          {"FROM", cli::Column::Align::kRight},
                          {"TO", cli::Column::Align::kRight},
                          {"STEPS"}};
  for (const SchemaChanged::Area& area : changed->areas) {
    report.table.rows.push_back({area.area, absl::StrCat(area.plan.from),
                                 absl::StrCat(area.plan.to),
                                 area.plan.steps.empty() ? "-" : StepNames(area.plan.steps)});
    report.names.push_back(absl::StrCat("area/", area.area));
  }
  if (changed->backup.has_value())
    context.out->Say(absl::StrCat("backed up to ", changed->backup->directory));
  context.out->Print(report);
  context.out->Say(changed->empty() ? "nothing is to be done"
                   : dry            ? "nothing was written: this is what would be done"
                                    : "done");
  return ExitCode::kDone;
}

ExitCode Verify(Context& context, const Arguments& arguments) {
  absl::StatusOr<Verification> verification = absl::UnknownError("");
  if (!arguments.positionals().empty()) {
    verification = VerifyBackup(arguments.positionals()[0]);
  } else {
    const absl::StatusOr<std::unique_ptr<Offline>> offline = OpenFor(context, arguments);
    if (!offline.ok()) return Refuse(context, offline.status());
    verification = (*offline)->store.upkeep->Verify();
  }
  if (!verification.ok()) return context.out->Fail({verification.status()});

  cli::Report report{.kind = "Verification", .data = ToJson(*verification)};
  if (verification->sound()) {
    report.text =
        absl::StrCat(verification->location, " is sound",
                     verification->head.has_value()
                         ? absl::StrCat(", at revision ", verification->head->revision.number)
                         : "");
    report.table.columns = {{"AREA"},
                            {"SIZE", cli::Column::Align::kRight},
                            {"SCHEMA", cli::Column::Align::kRight},
                            {"CHECKED"}};
    for (const CheckedArea& area : verification->areas) {
      report.table.rows.push_back({area.area, cli::HumanBytes(area.bytes),
                                   absl::StrCat(area.schema_version),
                                   absl::StrJoin(area.checks, ", ")});
    }
  } else {
    report.text = absl::StrCat(verification->location, " is damaged");
    report.table.columns = {{"WHERE"}, {"PROBLEM"}};
    for (const Damage& damage : verification->damage)
      report.table.rows.push_back(
          {cli::Printable(damage.where), Cell(cli::Printable(damage.what), Tone::kBad)});
  }
  context.out->Print(report);
  if (verification->unopened > 0) {
    context.out->Warn(absl::StrCat(
        verification->unopened,
        verification->unopened == 1 ? " sealed body was" : " sealed bodies were",
        " not opened: this verb has no keys, and what they hold is checked when it is read"));
  }
  return verification->sound() ? ExitCode::kDone : ExitCode::kNegative;
}

ExitCode BackUp(Context& context, const Arguments& arguments) {
  const absl::StatusOr<std::unique_ptr<Offline>> offline = OpenFor(context, arguments);
  if (!offline.ok()) return Refuse(context, offline.status());
  const absl::StatusOr<Backup> backup =
      (*offline)->store.upkeep->BackUp(arguments.positionals()[0]);
  if (!backup.ok()) return context.out->Fail({backup.status()});

  cli::Report report{.kind = "Backup", .data = ToJson(*backup)};
  report.text = absl::StrCat("backed up to ", backup->directory, ", verified",
                             backup->head.has_value()
                                 ? absl::StrCat(", at revision ", backup->head->revision.number)
                                 : "");
  report.table.columns = {{"FILE"},
                          {"SIZE", cli::Column::Align::kRight},
                          {"SCHEMA", cli::Column::Align::kRight},
                          {"SHA-256", cli::Column::Align::kLeft, cli::Column::Shown::kWide}};
  for (const BackupFile& file : backup->files) {
    report.table.rows.push_back({file.name, cli::HumanBytes(file.bytes),
                                 absl::StrCat(file.schema_version), file.sha256.Hex()});
    report.names.push_back(absl::StrCat("file/", file.name));
  }
  context.out->Print(report);
  if (!backup->key_ids.empty()) {
    context.out->Say(absl::StrCat("the key file is not in it, and a restore needs its key ",
                                  absl::StrJoin(backup->key_ids, ", ")));
  }
  return ExitCode::kDone;
}

// Who runs the command, as far as the environment says.
std::string UserOf(const Context& context) {
  if (context.root) return "root";
  const auto user = context.environment->find("USER");
  return user == context.environment->end() || user->second.empty() ? "unknown" : user->second;
}

// What is not there is not made.
absl::Status CheckThereIsAStore(const OfflineStore& offline) {
  SB_ASSIGN_OR_RETURN(const std::vector<AreaStatus> statuses, ReadSchemas(offline));
  if (statuses[0].status.version() > 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no store in ", statuses[0].where,
                                          ": `signalbox db migrate` makes an empty one"));
}

absl::StatusOr<Head> AdoptIn(const Context& context, const Arguments& arguments) {
  SB_ASSIGN_OR_RETURN(const cli::LoadedOptions loaded, cli::LoadOptions(context, arguments));
  const SystemClock clock;
  {
    SB_ASSIGN_OR_RETURN(const OfflineStore offline, OpenOfflineStore(loaded.settings, &clock));
    SB_RETURN_IF_ERROR(CheckThereIsAStore(offline));
  }
  SystemRandom random;
  const SlowQueries slow_queries(loaded.settings.store.slow_query);
  SB_ASSIGN_OR_RETURN(const Stores stores, OpenStores(loaded.settings, &slow_queries, &clock,
                                                      &random, Witnesses::kIgnored));
  return Adopt(stores.resources.get(), stores.audit.get(), stores.witness_file, UserOf(context),
               clock.Now());
}

ExitCode AdoptVerb(Context& context, const Arguments& arguments) {
  if (!context.yes) {
    return Usage(context, "what the proxies have is replaced by what the store holds: say --yes",
                 "`signalbox db verify` reads the store first");
  }
  const absl::StatusOr<Head> head = AdoptIn(context, arguments);
  if (!head.ok()) return Refuse(context, head.status());
  context.out->Print({.kind = "Adoption",
                      .data = ToJson(*head),
                      .text = absl::StrCat("the store is taken as it is, at revision ",
                                           head->revision.number, "; a new epoch has begun")});
  return ExitCode::kDone;
}

// The instances at work, once the sessions of verbs that have just ended are gone.
absl::StatusOr<int> InstancesOf(const OfflineStore& offline) {
  constexpr int kLooks = 10;
  int instances = 0;
  for (int look = 0; offline.count_instances != nullptr && look < kLooks; ++look) {
    if (look > 0) absl::SleepFor(absl::Milliseconds(100));
    SB_ASSIGN_OR_RETURN(instances, offline.count_instances());
    if (instances == 0) break;
  }
  return instances;
}

// What is asked of `db rotate-key`.
struct KeyChange {
  ResourceStore::NewKey new_key = ResourceStore::NewKey::kYes;
  std::optional<KeyId> retired;  // is to be removed
  bool shared_file = false;      // every instance reads this very key file
};

// What the arguments of `db rotate-key` ask for; none when they are wrong and that was said.
std::optional<KeyChange> KeyChangeIn(Context& context, const Arguments& arguments) {
  KeyChange change = {.shared_file = arguments.Has("shared-key-file")};
  if (arguments.Has("no-new-key")) change.new_key = ResourceStore::NewKey::kNo;
  const std::optional<std::string> retired = arguments.Value("retire");
  if (!retired.has_value()) return change;
  change.new_key = ResourceStore::NewKey::kNo;
  const std::string bytes = absl::HexStringToBytes(*retired);
  change.retired.emplace();
  std::copy_n(bytes.begin(), std::min(bytes.size(), change.retired->bytes.size()),
              change.retired->bytes.begin());
  if (change.retired->Hex() != *retired) {
    Usage(context, absl::StrCat("\"", *retired, "\" is no key"),
          "a key is called by the 16 digits that stand before it in the key file");
    return std::nullopt;
  }
  if (!context.yes) {
    Usage(context, "a backup that was made before the rotation needs the key: say --yes",
          "`signalbox db backup` makes one that does not");
    return std::nullopt;
  }
  return change;
}

// Whether a daemon may be left without the key.
absl::Status CheckInstances(const OfflineStore& offline, const KeyChange& change) {
  SB_ASSIGN_OR_RETURN(const int instances, InstancesOf(offline));
  if (instances == 0 || (change.shared_file && !change.retired.has_value()))
    return absl::OkStatus();
  const std::string working = absl::StrCat(
      instances, instances == 1 ? " instance is" : " instances are", " at work on the database");
  if (change.retired.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(working, " and may still seal with that key: stop them, then retire it"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      working,
      ", and one whose key file lacks the new key cannot read what is sealed with it: "
      "stop them first, or, if all of them read this very file, say --shared-key-file"));
}

// Whether the key is there and may be removed.
absl::Status CheckRetired(const KeyFile& file, KeyId retired) {
  SB_ASSIGN_OR_RETURN(const KeyRing ring, file.Read());
  if (ring.Find(retired) == nullptr) return errors::NoSuchKey(file.path(), retired);
  if (ring.active().id == retired) return errors::KeyIsActive(file.path(), retired);
  return absl::OkStatus();
}

absl::StatusOr<KeyRotation> RotateIn(const Context& context, const Arguments& arguments,
                                     const KeyChange& change) {
  SB_ASSIGN_OR_RETURN(cli::LoadedOptions loaded, cli::LoadOptions(context, arguments));
  const KeyFile file(loaded.settings.key_file);
  if (change.retired.has_value()) SB_RETURN_IF_ERROR(CheckRetired(file, *change.retired));
  loaded.settings.store.migrate = options::Migrate::kRequire;
  const SystemClock clock;
  SystemRandom random;
  const SlowQueries slow_queries(loaded.settings.store.slow_query);
  SB_ASSIGN_OR_RETURN(const Stores stores,
                      OpenStores(loaded.settings, &slow_queries, &clock, &random));
  SB_ASSIGN_OR_RETURN(const KeyRotation rotation, RotateKey(stores.resources.get(), change.new_key,
                                                            UserOf(context), clock.Now()));
  // Nothing in the store is sealed with it by now.
  if (change.retired.has_value()) SB_RETURN_IF_ERROR(file.Retire(*change.retired).status());
  return rotation;
}

ExitCode RotateKeyVerb(Context& context, const Arguments& arguments) {
  const std::optional<KeyChange> change = KeyChangeIn(context, arguments);
  if (!change.has_value()) return ExitCode::kUsage;
  absl::StatusOr<std::unique_ptr<Offline>> offline = OpenFor(context, arguments);
  if (!offline.ok()) return Refuse(context, offline.status());
  absl::Status fit = CheckThereIsAStore((*offline)->store);
  if (fit.ok()) fit = CheckInstances((*offline)->store, *change);
  if (!fit.ok()) return context.out->Fail({fit});
  offline->reset();  // the store is opened as a daemon does it
  const absl::StatusOr<KeyRotation> rotation = RotateIn(context, arguments, *change);
  if (!rotation.ok()) return context.out->Fail({rotation.status()});

  Json data = ToJson(*rotation);
  data.Set("newKey", change->new_key == ResourceStore::NewKey::kYes);
  data.Set("retired", change->retired.has_value() ? change->retired->Hex() : "");
  context.out->Print(
      {.kind = "KeyRotation",
       .data = std::move(data),
       .text = absl::StrCat("every secret is sealed with key ", rotation->key_id, "; ",
                            rotation->resealed,
                            rotation->resealed == 1 ? " body was" : " bodies were", " sealed anew"),
       .names = {absl::StrCat("key/", rotation->key_id)}});
  context.out->Say(change->retired.has_value()
                       ? absl::StrCat("key ", change->retired->Hex(), " has left the key file")
                       : "keep a copy of the key file, apart from the backups");
  return ExitCode::kDone;
}

// A verb of the server's, with the options behind its own flags.
Verb DbVerb(Verb verb) {
  verb.group = Verb::Group::kServer;
  for (cli::Flag& flag : cli::OptionFlags()) verb.flags.push_back(std::move(flag));
  return verb;
}

}  // namespace

std::vector<Verb> DbVerbs() {
  return {
      DbVerb({.name = "db status",
              .help = "Show each area's schema; the daemon must be stopped",
              .example = "signalbox db status --store.path /var/lib/signalbox/data",
              .run = Status}),
      DbVerb(
          {.name = "db migrate",
           .help = "Bring the schemas up to date, or one of them down; the daemon must be stopped",
           .example = "signalbox db migrate --dry-run\n"
                      "signalbox db migrate down --area config --target-version 1 --yes",
           .flags = {{.name = "dry-run", .help = "only show the steps"},
                     {.name = "target-version",
                      .value = "N",
                      .help = "the version to go to; the last one, or one step down, unless "
                              "given"},
                     {.name = "area",
                      .value = "AREA",
                      .help = "config, audit, queue or telemetry; all of them unless given"}},
           .positionals = {.name = "down", .help = "take migrations back", .at_most = 1},
           .run = Migrate}),
      DbVerb({.name = "db verify",
              .help = "Read a whole backup, or the whole store, and name what is damaged",
              .example = "signalbox db verify /backup/signalbox-2026-01-31",
              .positionals = {.name = "DIR",
                              .help = "a backup; the store unless given, with the daemon stopped",
                              .at_most = 1},
              .run = Verify}),
      DbVerb({.name = "db backup",
              .help = "Copy the store to a new directory and verify the copy; the daemon must be "
                      "stopped",
              .example = "signalbox db backup /backup/signalbox-2026-01-31",
              .positionals = {.name = "DIR", .help = "new or empty", .at_least = 1, .at_most = 1},
              .run = BackUp}),
      DbVerb({.name = "db adopt",
              .help = "Take the store as it is for the truth; on SQLite the daemon must be stopped",
              .example = "signalbox db adopt --yes",
              .run = AdoptVerb}),
      DbVerb(
          {.name = "db rotate-key",
           .help = "Make a new key and seal every secret with it; on SQLite the daemon must be "
                   "stopped",
           .example = "signalbox db rotate-key\n"
                      "signalbox db rotate-key --retire 1b3f5a7c9d0e2f41 --yes",
           .flags = {{.name = "no-new-key",
                      .help = "only seal what has an older key with the active one"},
                     {.name = "retire",
                      .value = "KEY",
                      .help = "seal as --no-new-key does, then remove this older key from the key "
                              "file"},
                     {.name = "shared-key-file",
                      .help = "on PostgreSQL: every instance at work reads this very key file"}},
           .run = RotateKeyVerb}),
  };
}

}  // namespace signalbox
