// SPDX-License-Identifier: Apache-2.0
#include "storage/entry.h"

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"

namespace pallet::storage {
namespace {

constexpr size_t kEntryHeaderBytes = 24;

}  // namespace

void EntryBuilder::Clear() { buffer_.assign(kEntryHeaderBytes, '\0'); }

void EntryBuilder::Begin(EffectOp op, DatabaseId database,
                         absl::string_view key) {
  AppendU8(&buffer_, static_cast<uint8_t>(op));
  AppendU8(&buffer_, static_cast<uint8_t>(database));
  AppendBytes(&buffer_, key);
}

void EntryBuilder::Put(DatabaseId database, absl::string_view key,
                       absl::string_view value) {
  Begin(EffectOp::kPut, database, key);
  AppendBytes(&buffer_, value);
}

void EntryBuilder::Put(DatabaseId database, absl::string_view key,
                       absl::string_view value_head,
                       absl::string_view value_rest) {
  Begin(EffectOp::kPut, database, key);
  AppendVarint(&buffer_, value_head.size() + value_rest.size());
  buffer_.append(value_head.data(), value_head.size());
  buffer_.append(value_rest.data(), value_rest.size());
}

void EntryBuilder::Delete(DatabaseId database, absl::string_view key) {
  Begin(EffectOp::kDelete, database, key);
}

void EntryBuilder::DeleteRange(DatabaseId database, absl::string_view begin,
                               absl::string_view end) {
  Begin(EffectOp::kDeleteRange, database, begin);
  AppendBytes(&buffer_, end);
}

void EntryBuilder::SetIndexCounts(const IndexCounts& counts) {
  std::string index, value;
  AppendU8(&index, static_cast<uint8_t>(counts.index));
  AppendU64(&value, counts.counts.rows);
  AppendU64(&value, counts.counts.bytes);
  Begin(EffectOp::kIndexCounts, DatabaseId::kPartitions, index);
  AppendBytes(&buffer_, value);
}

void EntryBuilder::SetSchemaVersion(uint64_t version) {
  std::string value;
  AppendU64(&value, version);
  Begin(EffectOp::kSchemaVersion, DatabaseId::kPartitions, {});
  AppendBytes(&buffer_, value);
}

bool EntryBuilder::empty() const { return buffer_.size() == kEntryHeaderBytes; }

absl::string_view EntryBuilder::Finish(const EntryHeader& header) {
  StoreU64(buffer_.data(), header.change_seq.value());
  StoreU64(buffer_.data() + 8, header.item_count);
  StoreU64(buffer_.data() + 16, header.item_bytes);
  return buffer_;
}

absl::StatusOr<EntryReader> EntryReader::Open(absl::string_view payload) {
  uint64_t change_seq, item_count, item_bytes;
  absl::string_view rest = payload;
  if (!ConsumeU64(&rest, &change_seq) || !ConsumeU64(&rest, &item_count) ||
      !ConsumeU64(&rest, &item_bytes)) {
    return model::MakeError(
        model::Reason::kDataLoss,
        absl::StrCat("an entry of ", payload.size(), " bytes has no header"));
  }
  return EntryReader({ChangeSeq(change_seq), item_count, item_bytes}, rest);
}

absl::StatusOr<bool> EntryReader::Next(Effect* effect) {
  if (rest_.empty()) return false;
  uint8_t op, database;
  if (!ConsumeU8(&rest_, &op) || !ConsumeU8(&rest_, &database) ||
      op < static_cast<uint8_t>(EffectOp::kPut) ||
      op > static_cast<uint8_t>(EffectOp::kSchemaVersion) ||
      !IsEffectDatabase(database) || !ConsumeBytes(&rest_, &effect->key)) {
    return Damaged();
  }
  effect->op = static_cast<EffectOp>(op);
  effect->database = static_cast<DatabaseId>(database);
  effect->value = {};
  if (effect->op != EffectOp::kDelete &&
      !ConsumeBytes(&rest_, &effect->value)) {
    return Damaged();
  }
  return true;
}

absl::StatusOr<IndexCounts> DecodeIndexCounts(const Effect& effect) {
  absl::string_view key = effect.key, value = effect.value;
  uint8_t index = 0;
  IndexCounts counts;
  if (effect.op != EffectOp::kIndexCounts ||
      effect.database != DatabaseId::kPartitions || !ConsumeU8(&key, &index) ||
      !key.empty() || index >= kMaxLocalIndexes ||
      !ConsumeU64(&value, &counts.counts.rows) ||
      !ConsumeU64(&value, &counts.counts.bytes) || !value.empty()) {
    return model::MakeError(model::Reason::kDataLoss,
                            "an entry's counts of an index are damaged");
  }
  counts.index = index;
  return counts;
}

absl::StatusOr<uint64_t> DecodeSchemaVersion(const Effect& effect) {
  absl::string_view value = effect.value;
  uint64_t version = 0;
  if (effect.op != EffectOp::kSchemaVersion ||
      effect.database != DatabaseId::kPartitions || !effect.key.empty() ||
      !ConsumeU64(&value, &version) || !value.empty()) {
    return model::MakeError(model::Reason::kDataLoss,
                            "an entry's schema version is damaged");
  }
  return version;
}

absl::Status EntryReader::Damaged() const {
  return model::MakeError(
      model::Reason::kDataLoss,
      absl::StrCat("an entry of change ", header_.change_seq.value(),
                   " holds no effect where ", rest_.size(), " bytes are left"));
}

}  // namespace pallet::storage
