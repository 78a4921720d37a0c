// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/write_run.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "service/capacity.h"
#include "service/position.h"
#include "service/throttling.h"
#include "service/transactions/function_write.h"
#include "service/transactions/part_decision.h"

namespace pallet::service {
namespace {

constexpr size_t kIdBytes = 16;

bool HasOpenOutcome(const absl::Status& status) {
  return model::ReasonOf(status) == model::Reason::kOutcomeUnknown;
}

absl::Status Mismatch() {
  return model::MakeError(
      model::Reason::kIdempotentParameterMismatch,
      "The provided client token is already in use by a request with other "
      "parameters");
}

absl::Status InProgress() {
  return model::MakeError(model::Reason::kTransactionInProgress,
                          "The transaction with the given request token is "
                          "already in progress");
}

TransactionResult Repeat(const Ledger::Record& record) {
  TransactionResult result;
  result.is_repeat = true;
  result.replay.assign(record.replay().begin(), record.replay().end());
  result.positions.assign(record.positions().begin(), record.positions().end());
  result.attributes = record.attributes();
  return result;
}

size_t ByteSize(const TransactionPart& part) {
  size_t size = 0;
  for (const TransactionAction& action : part.actions) {
    size += sizeof(action) + action.change.row_key.size();
    if (action.change.item.has_value()) {
      size += action.change.item->bytes.size();
    }
  }
  return size;
}

}  // namespace

void WriteRun::Start(TransactionEnvironment environment, TransactionPlan plan,
                     CallContext context, TransactionDone done) {
  CHECK(!plan.parts.empty());
  const std::shared_ptr<WriteRun> run(
      new WriteRun(std::move(environment), std::move(plan), std::move(context),
                   std::move(done)));
  run->Begin();
}

WriteRun::WriteRun(TransactionEnvironment environment, TransactionPlan plan,
                   CallContext context, TransactionDone done)
    : environment_(std::move(environment)),
      plan_(std::move(plan)),
      context_(std::move(context)),
      done_(std::move(done)),
      token_(plan_.token),
      states_(plan_.parts.size(), PartState::kOpen),
      refusals_(plan_.actions),
      outcomes_(plan_.actions) {
  environment_.active->Enter();
}

WriteRun::~WriteRun() { environment_.active->Leave(); }

void WriteRun::Begin() {
  if (IsAlone() && !HasToken()) return WriteAlone();
  transaction_id_ = RealEntropy(kIdBytes);
  if (!HasToken()) token_ = transaction_id_;
  is_active_ = environment_.active->Add(transaction_id_);
  CHECK(is_active_);
  created_us_ = absl::ToUnixMicros(environment_.host->clock()->Now());
  Ledger::Record record;
  record.set_state(IsAlone() ? storage::v1::TRANSACTION_STATE_CLAIMED
                             : storage::v1::TRANSACTION_STATE_PENDING);
  record.set_transaction_id(transaction_id_);
  record.set_created_us(created_us_);
  record.set_fingerprint(plan_.fingerprint);
  // What a crash has left undecided binds nobody; but a claim of a write by
  // one partition says where to look whether it happened.
  const bool is_alone = IsAlone();
  auto counts = [active = environment_.active, is_alone](
                    const Ledger::Record& known, bool is_young) {
    if (active->Has(known.transaction_id())) return true;
    if (!is_young) return false;
    switch (known.state()) {
      case storage::v1::TRANSACTION_STATE_PENDING:
        return false;
      case storage::v1::TRANSACTION_STATE_CLAIMED:
        return is_alone;
      default:
        return true;
    }
  };
  environment_.ledger->Begin(
      token_, std::move(record), std::move(counts),
      [self = shared_from_this()](absl::StatusOr<Ledger::Known> known) {
        self->OnBegun(std::move(known));
      });
}

void WriteRun::OnBegun(absl::StatusOr<Ledger::Known> known) {
  if (!known.ok()) return Finish(known.status());
  if (known->has_value() && !GoesOn(**known)) return;
  if (IsAlone()) {
    WriteAlone();
  } else {
    Prepare();
  }
}

bool WriteRun::GoesOn(const Ledger::Record& known) {
  if (known.fingerprint() != plan_.fingerprint) {
    Finish(Mismatch());
    return false;
  }
  if (environment_.active->Has(known.transaction_id())) {
    Finish(InProgress());
    return false;
  }
  if (known.state() != storage::v1::TRANSACTION_STATE_CLAIMED) {
    Finish(Repeat(known));
    return false;
  }
  // Nobody is at it any more: this attempt takes its place.
  if (!environment_.active->Add(known.transaction_id())) {
    Finish(InProgress());
    return false;
  }
  environment_.active->Remove(transaction_id_);
  transaction_id_ = known.transaction_id();
  created_us_ = known.created_us();
  return true;
}

void WriteRun::WriteAlone() {
  const TransactionPart& part = plan_.parts.front();
  const absl::Status status = environment_.host->Submit(
      *part.partition,
      std::make_unique<FunctionWrite>(
          part.partition->id, ByteSize(part),
          [self = shared_from_this()](storage::WriteContext& context) {
            return self->DecideAlone(context);
          },
          [self = shared_from_this()](const absl::Status& decided) {
            self->OnWrittenAlone(decided);
          }));
  if (!status.ok()) OnWrittenAlone(status);
}

absl::Status WriteRun::DecideAlone(storage::WriteContext& context) {
  RETURN_IF_ERROR(context_.Check());
  const TransactionPart& part = plan_.parts.front();
  const storage::PartitionId partition = part.partition->id;
  Clock* const clock = environment_.host->clock();
  if (HasToken()) {
    ASSIGN_OR_RETURN(
        repeated_, FindLedgerRecord(partition, token_, clock->Now(), context));
    if (repeated_.has_value()) return absl::OkStatus();
  }
  PartDecision decision;
  ASSIGN_OR_RETURN(const bool all, DecidePart(*environment_.host, part, context,
                                              &decision, &refusals_));
  if (!all) {
    single_refusal_ = decision.refusal;
    return WhyNot();
  }
  std::vector<ItemOutcome> outcomes = OutcomesOf(part, decision);
  // Alone it needs no id but for those who read a stream.
  std::string id = transaction_id_;
  if (id.empty() && !decision.table->streams.empty())
    id = RealEntropy(kIdBytes);
  RETURN_IF_ERROR(WritePart(part, decision, id, clock, context, &outcomes));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes_[part.actions[i].position] = std::move(outcomes[i]);
  }
  change_seq_ = storage::ChangeSeq(context.change_seq().value() - 1);
  if (!HasToken()) return absl::OkStatus();
  Ledger::Record record;
  record.set_state(storage::v1::TRANSACTION_STATE_DONE);
  record.set_transaction_id(transaction_id_);
  record.set_created_us(created_us_);
  record.set_fingerprint(plan_.fingerprint);
  for (auto& units : ReplayUnits()) *record.add_replay() = std::move(units);
  if (outcomes_.front().returned.has_value()) {
    record.set_attributes(*outcomes_.front().returned);
  }
  record.add_positions(
      EncodePosition({part.table->id, partition, change_seq_}));
  PutLedgerRecord(partition, token_, record, context);
  return absl::OkStatus();
}

void WriteRun::OnWrittenAlone(const absl::Status& status) {
  if (!status.ok()) {
    // The claim stays if nobody knows: a repeat will find out.
    if (!HasToken() || HasOpenOutcome(status)) return Finish(status);
    return Forget(
        [self = shared_from_this(), status] { self->Finish(status); });
  }
  if (repeated_.has_value()) return Finish(Repeat(*repeated_));
  const TransactionPart& part = plan_.parts.front();
  TransactionResult result;
  result.outcomes = std::move(outcomes_);
  result.positions.push_back(
      EncodePosition({part.table->id, part.partition->id, change_seq_}));
  Finish(std::move(result));
}

void WriteRun::Prepare() {
  {
    absl::MutexLock lock(&mutex_);
    open_ = plan_.parts.size();
  }
  for (size_t i = 0; i < plan_.parts.size(); ++i) PreparePart(i);
}

void WriteRun::PreparePart(size_t part) {
  const TransactionPart& actions = plan_.parts[part];
  for (const TransactionAction& action : actions.actions) {
    environment_.host->locks().Add(action.change.row_key);
  }
  const absl::Status status = environment_.host->Submit(
      *actions.partition,
      std::make_unique<FunctionWrite>(
          actions.partition->id, ByteSize(actions),
          [self = shared_from_this(), part](storage::WriteContext& context) {
            return self->DecidePrepare(part, context);
          },
          [self = shared_from_this(), part](const absl::Status& decided) {
            self->OnPrepared(part, decided);
          }));
  if (!status.ok()) OnPrepared(part, status);
}

absl::Status WriteRun::DecidePrepare(size_t part,
                                     storage::WriteContext& context) {
  RETURN_IF_ERROR(context_.Check());
  const TransactionPart& actions = plan_.parts[part];
  PartDecision decision;
  ASSIGN_OR_RETURN(const bool all, DecidePart(*environment_.host, actions,
                                              context, &decision, &refusals_));
  if (!all) return decision.refusal;
  std::vector<ItemOutcome> outcomes = OutcomesOf(actions, decision);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes_[actions.actions[i].position] = std::move(outcomes[i]);
  }
  LockPart(actions, decision, {token_, transaction_id_}, context);
  return absl::OkStatus();
}

void WriteRun::RefusePart(size_t part, const absl::Status& status) {
  for (const TransactionAction& action : plan_.parts[part].actions) {
    wire::v1::CancellationReason& reason = refusals_[action.position];
    reason.set_code(std::string(CancellationCode(status)));
    reason.set_message(std::string(status.message()));
  }
}

void WriteRun::OnPrepared(size_t part, const absl::Status& status) {
  PartState& state = states_[part];
  if (status.ok()) {
    state = PartState::kPrepared;
  } else if (HasOpenOutcome(status)) {
    state = PartState::kUnknown;
  } else {
    state = PartState::kUnlocked;
    for (const TransactionAction& action : plan_.parts[part].actions) {
      environment_.host->locks().Remove(action.change.row_key);
    }
    if (IsThrottling(status)) RefusePart(part, status);
  }
  {
    absl::MutexLock lock(&mutex_);
    if (!status.ok() && CancellationCode(status).empty()) {
      failure_.Update(status);
    }
    if (--open_ > 0) return;
  }
  AllPrepared();
}

void WriteRun::AllPrepared() {
  if (std::all_of(states_.begin(), states_.end(), [](PartState state) {
        return state == PartState::kPrepared;
      })) {
    return Commit();
  }
  Abort();
}

void WriteRun::Commit() {
  Ledger::Record record;
  record.set_state(storage::v1::TRANSACTION_STATE_COMMITTED);
  record.set_transaction_id(transaction_id_);
  record.set_fingerprint(plan_.fingerprint);
  for (auto& units : ReplayUnits()) *record.add_replay() = std::move(units);
  environment_.ledger->Replace(
      token_, std::move(record),
      [self = shared_from_this()](absl::StatusOr<bool> replaced) {
        self->OnCommitted(replaced);
      });
}

void WriteRun::OnCommitted(const absl::StatusOr<bool>& replaced) {
  if (replaced.ok() && *replaced) {
    return Settlement::Start(environment_.host, environment_.run_later,
                             PreparedParts(), {token_, transaction_id_},
                             Verdict::kApply,
                             [self = shared_from_this()](Settlement::End end) {
                               self->OnApplied(std::move(end));
                             });
  }
  // A store that has failed knows at its next start; the locks wait for that.
  if (!replaced.ok() && HasOpenOutcome(replaced.status())) {
    return FinishUndecided(replaced.status());
  }
  {
    absl::MutexLock lock(&mutex_);
    failure_.Update(replaced.ok()
                        ? model::MakeError(model::Reason::kInternal,
                                           "The record of the transaction is "
                                           "gone; nothing was done")
                        : replaced.status());
  }
  Abort();
}

void WriteRun::OnApplied(Settlement::End end) {
  if (!end.status.ok()) {
    return FinishUndecided(model::MakeError(
        model::Reason::kOutcomeUnknown,
        "The transaction is committed, but a store fails: not all of its items "
        "show it before the next start"));
  }
  TransactionResult result;
  for (size_t i = 0; i < plan_.parts.size(); ++i) {
    const TransactionPart& part = plan_.parts[i];
    const Settlement::PartEnd& applied = end.parts[i];
    for (size_t j = 0; j < applied.units.size(); ++j) {
      const TransactionAction& action = part.actions[j];
      if (action.only_checks) continue;
      ItemOutcome& outcome = outcomes_[action.position];
      outcome.units = applied.units[j];
      outcome.change_seq = applied.change_seq;
    }
    result.positions.push_back(EncodePosition(
        {part.table->id, part.partition->id, applied.change_seq}));
  }
  result.outcomes = std::move(outcomes_);
  Finish(std::move(result));
  // A token that the client does not know can be asked by nobody.
  if (!HasToken()) Forget([] {});
}

void WriteRun::Abort() {
  // Locks that a failed store may have are released at the next start, since
  // there is no record then.
  std::vector<LockedPart> prepared = PreparedParts();
  auto finish = [self = shared_from_this()] {
    self->Forget([self] { self->Finish(self->WhyNot()); });
  };
  if (prepared.empty()) return finish();
  Settlement::Start(environment_.host, environment_.run_later,
                    std::move(prepared), {token_, transaction_id_},
                    Verdict::kRelease,
                    [finish](const Settlement::End&) { finish(); });
}

std::vector<LockedPart> WriteRun::PreparedParts() const {
  std::vector<LockedPart> parts;
  for (size_t i = 0; i < plan_.parts.size(); ++i) {
    if (states_[i] != PartState::kPrepared) continue;
    LockedPart& part = parts.emplace_back();
    part.table = plan_.parts[i].table;
    part.partition = plan_.parts[i].partition;
    for (const TransactionAction& action : plan_.parts[i].actions) {
      part.row_keys.push_back(action.change.row_key);
      part.bytes +=
          action.change.row_key.size() + outcomes_[action.position].new_size;
    }
  }
  return parts;
}

std::vector<storage::v1::TransactionUnits> WriteRun::ReplayUnits() const {
  std::map<std::string, double> units;
  for (const TransactionPart& part : plan_.parts) {
    for (const TransactionAction& action : part.actions) {
      const ItemOutcome& outcome = outcomes_[action.position];
      units[action.table_name] +=
          2 * ReadUnits(std::max(outcome.old_size, outcome.new_size),
                        Consistency::kStrong);
    }
  }
  std::vector<storage::v1::TransactionUnits> replay;
  for (const auto& [name, each] : units) {
    replay.emplace_back().set_table_name(name);
    replay.back().set_read_units(each);
  }
  return replay;
}

absl::Status WriteRun::WhyNot() {
  {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
  }
  if (plan_.single_write) return single_refusal_;
  return Cancelled(refusals_);
}

void WriteRun::Forget(absl::AnyInvocable<void()> then) {
  environment_.ledger->Erase(
      token_, transaction_id_,
      [self = shared_from_this(),
       then = std::move(then)](const absl::Status&) mutable { then(); });
}

void WriteRun::Finish(absl::StatusOr<TransactionResult> result) {
  // Whoever is answered may ask again at once.
  if (is_active_) environment_.active->Remove(transaction_id_);
  is_active_ = false;
  done_(std::move(result));
}

void WriteRun::FinishUndecided(const absl::Status& status) {
  is_active_ = false;
  done_(status);
}

}  // namespace pallet::service
