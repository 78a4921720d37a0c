// SPDX-License-Identifier: Apache-2.0
#include "service/transactions/ledger.h"

#include <utility>

#include "base/status_macros.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/transactions/function_write.h"
#include "storage/key_codec.h"
#include "storage/side_rows.h"

namespace pallet::service {
namespace {

using storage::v1::LedgerRecord;

constexpr char kTable[] = "~ledger";
constexpr char kKey[] = "token";
constexpr uint32_t kFormat = 1;

absl::Time CreatedAt(const LedgerRecord& record) {
  return absl::FromUnixMicros(record.created_us());
}

storage::v1::TableRecord Definition() {
  storage::v1::TableRecord table;
  table.set_name(kTable);
  auto* attribute = table.add_attribute_definitions();
  attribute->set_name(kKey);
  attribute->set_type(storage::v1::SCALAR_TYPE_BINARY);
  auto* key = table.add_key_schema();
  key->set_name(kKey);
  key->set_role(storage::v1::KEY_ROLE_PARTITION);
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  return table;
}

// The record of this attempt, or nullopt.
absl::StatusOr<std::optional<LedgerRecord>> OfAttempt(
    storage::PartitionId partition, absl::string_view token,
    absl::string_view transaction_id, storage::RowReader& rows) {
  ASSIGN_OR_RETURN(const auto row,
                   rows.Get(storage::LedgerKey(partition, token)));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(LedgerRecord record, DecodeLedgerRecord(row->item));
  if (record.transaction_id() != transaction_id) return std::nullopt;
  return record;
}

bool IsYoung(const LedgerRecord& record, absl::Time now) {
  return now < CreatedAt(record) + kTokenLife;
}

}  // namespace

absl::StatusOr<LedgerRecord> DecodeLedgerRecord(absl::string_view bytes) {
  LedgerRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.format() != kFormat) {
    return model::MakeError(model::Reason::kDataLoss,
                            "a record of the ledger cannot be read");
  }
  return record;
}

void PutLedgerRecord(storage::PartitionId partition, absl::string_view token,
                     const LedgerRecord& record,
                     storage::WriteContext& context) {
  LedgerRecord stored = record;
  stored.set_format(kFormat);
  context.PutSideRow(storage::LedgerKey(partition, token),
                     stored.SerializeAsString());
  context.PutSideRow(storage::ReminderKey(partition, CreatedAt(record), token),
                     "\x01");
}

void DeleteLedgerRecord(storage::PartitionId partition, absl::string_view token,
                        const LedgerRecord& record,
                        storage::WriteContext& context) {
  context.DeleteSideRow(storage::LedgerKey(partition, token));
  context.DeleteSideRow(
      storage::ReminderKey(partition, CreatedAt(record), token));
}

absl::StatusOr<std::optional<LedgerRecord>> FindLedgerRecord(
    storage::PartitionId partition, absl::string_view token, absl::Time now,
    storage::RowReader& rows) {
  ASSIGN_OR_RETURN(const auto row,
                   rows.Get(storage::LedgerKey(partition, token)));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(LedgerRecord record, DecodeLedgerRecord(row->item));
  if (!IsYoung(record, now)) return std::nullopt;
  return record;
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(
    cluster::PartitionHost* host) {
  cluster::TablePtr table = host->FindTable(kTable);
  if (table == nullptr) {
    ASSIGN_OR_RETURN(table, host->CreateTable(Definition()));
  }
  return std::unique_ptr<Ledger>(new Ledger(host, std::move(table)));
}

const cluster::TablePartition& Ledger::PartitionOf(
    absl::string_view token) const {
  return table_->PartitionOf(storage::PlacementHash(
      {model::ScalarType::kBinary, std::string(token)}, host_->hash_seed()));
}

void Ledger::Begin(const std::string& token, Record record, Counts counts,
                   absl::AnyInvocable<void(absl::StatusOr<Known>)> done) {
  const cluster::TablePartition& partition = PartitionOf(token);
  // Shared by the functions of a write, and by a refusal.
  struct State {
    Record record;
    Known known;
    absl::AnyInvocable<void(absl::StatusOr<Known>)> done;
  };
  auto state = std::make_shared<State>(
      State{std::move(record), std::nullopt, std::move(done)});
  const size_t bytes = token.size() + state->record.ByteSizeLong();
  auto decide = [state, token, id = partition.id, clock = host_->clock(),
                 counts = std::move(counts)](
                    storage::WriteContext& context) -> absl::Status {
    ASSIGN_OR_RETURN(const auto old,
                     context.Get(storage::LedgerKey(id, token)));
    if (old.has_value()) {
      ASSIGN_OR_RETURN(Record before, DecodeLedgerRecord(old->item));
      if (counts(before, IsYoung(before, clock->Now()))) {
        state->known = std::move(before);
        return absl::OkStatus();
      }
      // It has a reminder of its own time.
      DeleteLedgerRecord(id, token, before, context);
    }
    PutLedgerRecord(id, token, state->record, context);
    return absl::OkStatus();
  };
  const absl::Status status = host_->Submit(
      partition,
      std::make_unique<FunctionWrite>(partition.id, bytes, std::move(decide),
                                      [state](const absl::Status& written) {
                                        if (!written.ok())
                                          return state->done(written);
                                        state->done(std::move(state->known));
                                      }));
  if (!status.ok()) state->done(status);
}

void Ledger::Replace(const std::string& token, Record record,
                     absl::AnyInvocable<void(absl::StatusOr<bool>)> done) {
  const cluster::TablePartition& partition = PartitionOf(token);
  struct State {
    Record record;
    bool replaced = false;
    absl::AnyInvocable<void(absl::StatusOr<bool>)> done;
  };
  auto state =
      std::make_shared<State>(State{std::move(record), false, std::move(done)});
  const size_t bytes = token.size() + state->record.ByteSizeLong();
  auto decide = [state, token, id = partition.id](
                    storage::WriteContext& context) -> absl::Status {
    ASSIGN_OR_RETURN(
        const Known old,
        OfAttempt(id, token, state->record.transaction_id(), context));
    if (!old.has_value()) return absl::OkStatus();
    state->replaced = true;
    state->record.set_created_us(old->created_us());
    PutLedgerRecord(id, token, state->record, context);
    return absl::OkStatus();
  };
  const absl::Status status = host_->Submit(
      partition,
      std::make_unique<FunctionWrite>(partition.id, bytes, std::move(decide),
                                      [state](const absl::Status& written) {
                                        if (!written.ok())
                                          return state->done(written);
                                        state->done(state->replaced);
                                      }));
  if (!status.ok()) state->done(status);
}

void Ledger::Erase(const std::string& token, const std::string& transaction_id,
                   absl::AnyInvocable<void(absl::Status)> done) {
  const cluster::TablePartition& partition = PartitionOf(token);
  auto shared_done =
      std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  auto decide = [token, transaction_id, id = partition.id](
                    storage::WriteContext& context) -> absl::Status {
    ASSIGN_OR_RETURN(const Known old,
                     OfAttempt(id, token, transaction_id, context));
    if (old.has_value()) DeleteLedgerRecord(id, token, *old, context);
    return absl::OkStatus();
  };
  const absl::Status status = host_->Submit(
      partition, std::make_unique<FunctionWrite>(
                     partition.id, token.size(), std::move(decide),
                     [shared_done](const absl::Status& written) {
                       (*shared_done)(written);
                     }));
  if (!status.ok()) (*shared_done)(status);
}

absl::StatusOr<Ledger::Known> Ledger::Find(const std::string& token) const {
  const cluster::TablePartition& partition = PartitionOf(token);
  Known known;
  RETURN_IF_ERROR(host_->Read(
      partition, [&](storage::ReadTransaction& rows) -> absl::Status {
        ASSIGN_OR_RETURN(const auto row,
                         rows.Get(storage::LedgerKey(partition.id, token)));
        if (!row.has_value()) return absl::OkStatus();
        ASSIGN_OR_RETURN(known, DecodeLedgerRecord(row->item));
        return absl::OkStatus();
      }));
  return known;
}

}  // namespace pallet::service
