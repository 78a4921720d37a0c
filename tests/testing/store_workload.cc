// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/store_workload.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "tests/testing/store_client.h"

namespace pallet::testing {
namespace {

using storage::HashRange;
using storage::PartitionId;

constexpr uint64_t kMiddle = uint64_t{1} << 63;

uint64_t HashOfSlot(uint32_t slot) {
  return slot * uint64_t{0x9E3779B97F4A7C15};
}

}  // namespace

PartitionId PartitionOfSlot(uint32_t slot) {
  return PartitionId(HashOfSlot(slot) < kMiddle ? 1 : 2);
}

absl::Status CreateSlotPartitions(storage::Store& store) {
  RETURN_IF_ERROR(store.CreatePartition(PartitionId(1), kSlotKeyspace,
                                        HashRange{0, kMiddle - 1}));
  return store.CreatePartition(PartitionId(2), kSlotKeyspace,
                               HashRange{kMiddle, UINT64_MAX},
                               /*index_count=*/1);
}

std::vector<std::string> RowKeysOfSlot(uint32_t slot) {
  std::vector<std::string> keys;
  const int rows = slot % 4 == 0 ? 3 : 1;
  for (int row = 0; row < rows; ++row) {
    std::string name = absl::StrCat("slot ", slot, " row ", row);
    if (slot % 8 == 0) name.insert(0, std::string(200 + slot % 1500, 'L'));
    const bool in_index = row > 0 && PartitionOfSlot(slot) == PartitionId(2);
    const storage::KeyspaceId keyspace(kSlotKeyspace.value() + in_index);
    keys.push_back(TestKey(keyspace, HashOfSlot(slot), name));
  }
  return keys;
}

std::string SlotItem(uint32_t slot, size_t row, uint64_t version) {
  Random random(version * 1'000'003 + slot * 31 + row);
  std::string item;
  AppendU64(&item, version);
  const uint64_t size =
      random.OneIn(20) ? random.Below(20'000) : random.Below(600);
  return item + random.Bytes(size);
}

SlotWriter::SlotWriter(storage::Store* store, Journal* journal, Options options)
    : store_(store),
      journal_(journal),
      options_(options),
      random_(options.seed),
      next_version_(options.first_version),
      busy_(options.slots) {}

absl::Status SlotWriter::Step() {
  SlotOperation operation;
  operation.is_delete = random_.OneIn(6);
  operation.version = next_version_++;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &SlotWriter::HasRoom));
    uint32_t place = random_.Below(options_.slots);
    while (busy_[place]) place = (place + 1) % options_.slots;
    busy_[place] = true;
    ++in_flight_;
    operation.slot = options_.first_slot + place;
  }
  journal_->Intend(operation);
  auto decide = [operation](storage::WriteContext& context) {
    size_t row = 0;
    for (const std::string& key : RowKeysOfSlot(operation.slot)) {
      if (operation.is_delete) {
        context.Delete(key);
      } else {
        const std::string item =
            SlotItem(operation.slot, row++, operation.version);
        context.Put(key, item, item.size());
      }
    }
    return absl::OkStatus();
  };
  const absl::Status accepted = store_->Submit(std::make_unique<FunctionWrite>(
      PartitionOfSlot(operation.slot), std::move(decide),
      [this, operation](const absl::Status& status) {
        Answer(operation, status);
      }));
  if (!accepted.ok()) {
    absl::MutexLock lock(&mutex_);
    --in_flight_;
    busy_[operation.slot - options_.first_slot] = false;
  }
  return accepted;
}

void SlotWriter::Answer(const SlotOperation& operation,
                        const absl::Status& status) {
  if (status.ok()) journal_->Acknowledge(operation);
  absl::MutexLock lock(&mutex_);
  if (first_error_.ok()) first_error_ = status;
  --in_flight_;
  busy_[operation.slot - options_.first_slot] = false;
}

absl::Status SlotWriter::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &SlotWriter::AllAnswered));
  return first_error_;
}

void SlotExpectations::Intend(const SlotOperation& operation) {
  slots_[operation.slot].open.push_back(operation);
}

void SlotExpectations::Acknowledge(const SlotOperation& operation) {
  Slot& slot = slots_[operation.slot];
  // Those before it on the same slot were answered or refused before.
  while (!slot.open.empty() && !(slot.open.front() == operation)) {
    slot.open.erase(slot.open.begin());
  }
  CHECK(!slot.open.empty()) << "acknowledged without an intention";
  slot.open.erase(slot.open.begin());
  slot.last = operation;
  ++acknowledged_;
}

absl::StatusOr<SlotOperation> SlotExpectations::Find(
    uint32_t number, const Slot& slot, storage::Store& store) const {
  std::vector<std::string> found;
  const std::vector<std::string> keys = RowKeysOfSlot(number);
  RETURN_IF_ERROR(store.Read([&](storage::ReadTransaction& read) {
    for (const std::string& key : keys) {
      auto row = read.Get(key);
      if (!row.ok()) return row.status();
      found.push_back(row->has_value() ? std::string((*row)->item) : "");
    }
    return absl::OkStatus();
  }));
  std::vector<SlotOperation> possible = {slot.last};
  possible.insert(possible.end(), slot.open.begin(), slot.open.end());
  for (const SlotOperation& operation : possible) {
    bool all = true;
    for (size_t row = 0; row < keys.size(); ++row) {
      const std::string expected =
          operation.is_delete ? "" : SlotItem(number, row, operation.version);
      all = all && found[row] == expected;
    }
    if (all) return operation;
  }
  std::string versions;
  for (const std::string& item : found) {
    absl::StrAppend(
        &versions, " ",
        item.size() < 8 ? "none" : absl::StrCat(LoadU64(item.data())));
  }
  return absl::DataLossError(
      absl::StrCat("slot ", number, " holds versions", versions,
                   "; acknowledged ", slot.last.is_delete ? "delete " : "put ",
                   slot.last.version, ", open ", slot.open.size()));
}

absl::Status SlotExpectations::Check(storage::Store& store) const {
  for (const auto& [number, slot] : slots_) {
    RETURN_IF_ERROR(Find(number, slot, store).status());
  }
  return absl::OkStatus();
}

absl::Status SlotExpectations::CheckAndSettle(storage::Store& store) {
  for (auto& [number, slot] : slots_) {
    ASSIGN_OR_RETURN(slot.last, Find(number, slot, store));
    slot.open.clear();
  }
  return absl::OkStatus();
}

}  // namespace pallet::testing
