// SPDX-License-Identifier: Apache-2.0
//
// Random operations against the store and against a plain map, with
// checkpoints and restarts between: both must always say the same.
//
// Writes are sent in bursts without waiting, so that many share a batch and
// later ones read what earlier ones decided but nobody has synced yet. Each
// write notes what it saw; the model, in the order of submission, says what it
// should have seen.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "storage/key_codec.h"
#include "storage/store.h"
#include "tests/testing/seed.h"
#include "tests/testing/store_client.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using testing::FunctionWrite;
using Rows = std::map<std::string, std::string>;

// What a partition should be.
struct ModelPartition {
  KeyspaceId keyspace;
  HashRange range;
  uint32_t index_count = 0;
  uint64_t change_seq = 0;
  Rows rows;  // of all its keyspaces

  bool IsOfIndex(const std::string& row_key) const {
    return KeyspaceOfRowKey(row_key) != keyspace;
  }

  RowCounts Counts(uint32_t ordinal) const {
    RowCounts counts;
    for (const auto& [key, item] : rows) {
      if (KeyspaceOfRowKey(key).value() != keyspace.value() + ordinal) continue;
      ++counts.rows;
      counts.bytes += item.size();
    }
    return counts;
  }
};

struct RowChange {
  std::string key;
  std::optional<std::string> item;  // none: delete
};

class StoreModelTest : public ::testing::Test {
 protected:
  StoreModelTest() : random_(testing::TestSeed()) { Open(); }

  void Open() {
    StoreOptions options;
    options.directory = directory_.path() + "/store";
    options.map_size = uint64_t{1} << 30;
    options.segment_bytes = uint64_t{4} << 20;
    options.checkpoint_bytes = uint64_t{4} << 20;
    options.batch_writes = 1 + random_.Below(64);
    auto store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Restart() {
    store_.reset();
    Open();
  }

  // Keys of few hashes and names, so that they meet; some longer than LMDB's.
  std::string SomeKey(const ModelPartition& partition) {
    return SomeKey(partition, SomeKeyspace(partition));
  }

  KeyspaceId SomeKeyspace(const ModelPartition& partition) {
    return KeyspaceId(
        partition.keyspace.value() +
        static_cast<uint32_t>(random_.Below(partition.index_count + 1)));
  }

  std::string SomeKey(const ModelPartition& partition, KeyspaceId keyspace) {
    const uint64_t width = partition.range.last - partition.range.first;
    const uint64_t hash =
        partition.range.first + random_.Below(5) * (width / 4);
    std::string name = absl::StrCat("k", random_.Below(12));
    if (random_.OneIn(4))
      name += std::string(400 + random_.Below(3) * 700, 'x');
    if (random_.OneIn(4)) name += absl::StrCat(random_.Below(4));
    return testing::TestKey(keyspace, hash, name);
  }

  std::string SomeItem() {
    size_t size = random_.Below(200);
    if (random_.OneIn(10)) size = random_.Below(5'000);
    if (random_.OneIn(300)) size = random_.Below(300'000);
    return random_.Bytes(size);
  }

  std::pair<const PartitionId, ModelPartition>& SomePartition() {
    auto place = model_.begin();
    std::advance(place, random_.Below(model_.size()));
    return *place;
  }

  // One that covers a keyspace, or two that share one.
  void CreatePartitions() {
    constexpr uint64_t kMiddle = uint64_t{1} << 63;
    const uint32_t indexes =
        random_.OneIn(2) ? 0 : random_.Below(kMaxLocalIndexes + 1);
    const KeyspaceId keyspace(next_keyspace_);
    next_keyspace_ += 1 + indexes;
    std::vector<HashRange> ranges = {{0, UINT64_MAX}};
    if (random_.OneIn(2)) ranges = {{0, kMiddle}, {kMiddle + 1, UINT64_MAX}};
    for (const HashRange& range : ranges) {
      const PartitionId id(next_partition_++);
      // Asking twice is as good as asking once.
      for (int repeat = random_.OneIn(3); repeat >= 0; --repeat) {
        ASSERT_TRUE(store_->CreatePartition(id, keyspace, range, indexes).ok());
      }
      model_[id] = {keyspace, range, indexes, 0, {}};
    }
  }

  void DropPartition() {
    if (model_.size() < 2) return;
    const PartitionId id = SomePartition().first;
    ASSERT_TRUE(store_->DropPartition(id).ok());
    model_.erase(id);
    const absl::Status refused = testing::PutAndWait(*store_, id, "x", "y");
    EXPECT_EQ(model::ReasonOf(refused), model::Reason::kResourceNotFound);
  }

  // A burst of writes; each checks on the writer that it saw the model's state.
  void Write() {
    const int count = random_.OneIn(3) ? 1 : 1 + random_.Below(60);
    absl::BlockingCounter open(count);
    std::vector<int> answered;
    for (int i = 0; i < count; ++i) {
      auto& [id, partition] = SomePartition();
      SubmitOne(id, partition, i, &answered, &open);
    }
    open.Wait();
    ASSERT_TRUE(std::is_sorted(answered.begin(), answered.end()));
    ASSERT_EQ(answered.size(), count);
  }

  void SubmitOne(PartitionId id, ModelPartition& partition, int number,
                 std::vector<int>* answered, absl::BlockingCounter* open) {
    std::vector<RowChange> changes(random_.OneIn(3) ? 1 + random_.Below(8) : 1);
    for (RowChange& change : changes) {
      change.key = SomeKey(partition);
      if (!random_.OneIn(3)) change.item = SomeItem();
    }
    // Its condition looks at the first row; some fail after they made effects.
    const std::string looked_at = changes.front().key;
    std::optional<std::string> expected;
    if (auto row = partition.rows.find(looked_at);
        row != partition.rows.end()) {
      expected = row->second;
    }
    const bool fails = random_.OneIn(5);
    const bool early = random_.OneIn(2);
    const uint64_t expected_seq = partition.change_seq + 1;
    if (!fails) Apply(changes, partition);

    auto decide = [=](WriteContext& context) -> absl::Status {
      EXPECT_EQ(context.change_seq().value(), expected_seq);
      if (fails && early) return absl::AbortedError("condition");
      auto row = context.Get(looked_at);
      if (!row.ok()) return row.status();
      EXPECT_EQ(row->has_value(), expected.has_value());
      if (row->has_value() && expected.has_value()) {
        EXPECT_EQ((*row)->item, *expected);
        EXPECT_EQ((*row)->item_size, expected->size());
      }
      for (const RowChange& change : changes) {
        if (change.item.has_value()) {
          context.Put(change.key, *change.item, change.item->size());
        } else {
          context.Delete(change.key);
        }
      }
      // What was seen stays sound while the decision runs.
      if (row->has_value() && expected.has_value()) {
        EXPECT_EQ((*row)->item, *expected);
      }
      return fails ? absl::AbortedError("condition") : absl::OkStatus();
    };
    auto done = [=](const absl::Status& status) {
      EXPECT_EQ(status.code(),
                fails ? absl::StatusCode::kAborted : absl::StatusCode::kOk)
          << status;
      answered->push_back(number);
      open->DecrementCount();
    };
    ASSERT_TRUE(
        store_->Submit(std::make_unique<FunctionWrite>(id, decide, done)).ok());
  }

  static void Apply(const std::vector<RowChange>& changes,
                    ModelPartition& partition) {
    for (const RowChange& change : changes) {
      if (change.item.has_value()) {
        partition.rows[change.key] = *change.item;
      } else if (partition.rows.erase(change.key) == 0) {
        continue;
      }
      if (!partition.IsOfIndex(change.key)) ++partition.change_seq;
    }
  }

  void CheckScan() {
    const auto& [id, partition] = SomePartition();
    const KeyspaceId keyspace = SomeKeyspace(partition);
    std::string begin = HashPrefix(keyspace, partition.range.first);
    std::string end = PrefixEnd(HashPrefix(keyspace, partition.range.last));
    if (random_.OneIn(2)) begin = SomeKey(partition, keyspace);
    if (random_.OneIn(2)) end = SomeKey(partition, keyspace);
    if (end < begin) std::swap(begin, end);
    const bool forward = random_.OneIn(2);
    std::vector<std::string> expected;
    for (auto row = partition.rows.lower_bound(begin);
         row != partition.rows.end() && row->first < end; ++row) {
      expected.push_back(absl::StrCat(row->first, "=", row->second));
    }
    if (!forward) std::reverse(expected.begin(), expected.end());
    std::vector<std::string> found;
    const absl::Status status = store_->Read([&](ReadTransaction& read) {
      auto cursor = read.Cursor(begin, end);
      absl::Status moved =
          forward ? cursor->SeekAtOrAfter(begin) : cursor->SeekAtOrBefore(end);
      while (moved.ok() && cursor->Valid()) {
        found.push_back(absl::StrCat(std::string(cursor->key()), "=",
                                     std::string(cursor->row().item)));
        moved = forward ? cursor->Next() : cursor->Previous();
      }
      return moved;
    });
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(found, expected);
  }

  void CheckCounts() {
    for (const auto& [id, partition] : model_) {
      auto info = store_->Partition(id);
      ASSERT_TRUE(info.ok()) << info.status();
      EXPECT_EQ(info->keyspace, partition.keyspace);
      EXPECT_EQ(info->range, partition.range);
      EXPECT_EQ(info->change_seq.value(), partition.change_seq);
      EXPECT_EQ(info->item_count, partition.Counts(0).rows);
      EXPECT_EQ(info->item_bytes, partition.Counts(0).bytes);
      ASSERT_EQ(info->index_count, partition.index_count);
      for (uint32_t i = 0; i < info->index_count; ++i) {
        EXPECT_EQ(info->indexes[i], partition.Counts(i + 1));
      }
    }
    EXPECT_EQ(store_->Partitions().size(), model_.size());
  }

  void CheckAll() {
    CheckCounts();
    for (const auto& [id, partition] : model_) {
      for (const auto& [key, item] : partition.rows) {
        ASSERT_EQ(testing::ReadItem(*store_, key), item);
      }
    }
    const absl::Status sound = store_->Verify();
    ASSERT_TRUE(sound.ok()) << sound;
  }

  testing::TemporaryDirectory directory_;
  Random random_;
  std::unique_ptr<Store> store_;
  std::map<PartitionId, ModelPartition> model_;
  uint64_t next_partition_ = 1;
  uint32_t next_keyspace_ = 1;
};

TEST_F(StoreModelTest, StoreAndPlainMapAgree) {
  const int steps = testing::TestRounds(1) * 1'000;
  CreatePartitions();
  for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
    const uint64_t dice = random_.Below(100);
    if (dice < 70) {
      Write();
    } else if (dice < 90) {
      CheckScan();
    } else if (dice < 92) {
      if (model_.size() < 12) CreatePartitions();
    } else if (dice < 93) {
      DropPartition();
    } else if (dice < 95) {
      CheckCounts();
    } else if (dice < 97) {
      ASSERT_TRUE(store_->Checkpoint().ok());
    } else if (dice < 99) {
      Restart();
    } else {
      CheckAll();
    }
    ASSERT_FALSE(HasNonfatalFailure()) << "at step " << step;
  }
  Restart();
  CheckAll();
}

}  // namespace
}  // namespace pallet::storage
