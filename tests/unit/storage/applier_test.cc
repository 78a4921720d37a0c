// SPDX-License-Identifier: Apache-2.0
//
// Readers beside publishing, flushing and applying: each sees whole batches, and
// no older state than was published before it began.
#include "storage/applier.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/thread.h"
#include "gtest/gtest.h"
#include "tests/testing/image_fixture.h"
#include "tests/testing/store_client.h"

namespace pallet::storage {
namespace {

constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{1};
constexpr int kKeys = 3;

std::string Key(int key) {
  return testing::TestKey(kKeyspace, key, absl::StrCat("row ", key));
}

class ApplierTest : public ::testing::Test {
 protected:
  // Memtables of about `versions` rows.
  void Start(uint64_t versions) {
    applier_.emplace(&fixture_.image(),
                     Applier::Options{.memtable_bytes = uint64_t{1} << 30,
                                      .memtable_versions = versions,
                                      .applied_frame = FrameNumber(0),
                                      .on_applied = [this] { ++applied_; },
                                      .on_failed =
                                          [](const absl::Status& failed) {
                                            ADD_FAILURE() << failed;
                                          }});
    applier_->Start();
  }

  // Batch number `number` writes its number to all keys.
  void Publish(uint64_t number) {
    // Readers may still look at the last but one batch, as in the pipeline.
    Batch& batch = batches_[number % 3];
    batch.Reset(number);
    batch.frame = FrameNumber(number);
    PartitionState state;
    state.info.id = kPartition;
    state.info.keyspace = kKeyspace;
    state.index = number;
    PartitionBatch& partition = batch.Add(state);
    const std::string row = testing::RowOf(absl::StrCat(number));
    for (int key = 0; key < kKeys; ++key) {
      partition.effects.push_back(
          {batch.arena.Copy(Key(key)), batch.arena.Copy(row)});
    }
    applier_->Publish(batch);
  }

  // The batch that all keys are of; 0 before the first. nullopt if they are of
  // several.
  std::optional<uint64_t> ReadBatch(bool by_cursor) {
    std::vector<uint64_t> numbers;
    const auto add = [&](const RowView& row) {
      uint64_t number = 0;
      EXPECT_TRUE(absl::SimpleAtoi(row.item, &number));
      numbers.push_back(number);
    };
    const absl::Status read = applier_->Read([&](ReadTransaction& rows) {
      if (by_cursor) {
        const std::unique_ptr<RowCursor> cursor = rows.Cursor(Key(0), "");
        absl::Status moved = cursor->SeekAtOrAfter(Key(0));
        for (; moved.ok() && cursor->Valid(); moved = cursor->Next()) {
          add(cursor->row());
        }
        return moved;
      }
      for (int key = 0; key < kKeys; ++key) {
        const auto row = rows.Get(Key(key));
        if (!row.ok()) return row.status();
        if (row->has_value()) add(**row);
      }
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    if (numbers.empty()) return 0;
    if (numbers.size() != kKeys) return std::nullopt;
    for (const uint64_t number : numbers) {
      if (number != numbers[0]) return std::nullopt;
    }
    return numbers[0];
  }

  testing::ImageFixture fixture_;
  Batch batches_[3];
  std::atomic<uint64_t> applied_{0};
  std::optional<Applier> applier_;
};

TEST_F(ApplierTest, WhatIsPublishedIsVisibleBeforeAndAfterItIsApplied) {
  Start(1000);
  Publish(1);
  EXPECT_EQ(ReadBatch(false), 1u);
  EXPECT_EQ(applier_->backlog().versions, uint64_t{kKeys});
  EXPECT_EQ(fixture_.Get(Key(0)), "nothing");
  ASSERT_TRUE(applier_->Flush().ok());
  EXPECT_EQ(applier_->backlog().versions, 0u);
  EXPECT_EQ(fixture_.Get(Key(0)), "1");
  EXPECT_EQ(ReadBatch(true), 1u);
}

// A replica's entries without effects change its state and no row.
TEST_F(ApplierTest, AStateWithoutRowsIsFlushedToo) {
  Start(1000);
  PartitionState state;
  state.info.id = kPartition;
  state.info.keyspace = kKeyspace;
  state.index = 7;
  Batch& batch = batches_[0];
  batch.Reset(1);
  batch.frame = FrameNumber(1);
  batch.Add(state);
  applier_->Publish(batch);
  ASSERT_TRUE(applier_->Flush().ok());
  absl::StatusOr<ImageRead> read = fixture_.image().Read();
  ASSERT_TRUE(read.ok());
  const auto row = read->Get(DatabaseId::kPartitions, PartitionKey(kPartition));
  ASSERT_TRUE(row.ok() && row->has_value());
  const auto found = DecodePartitionState(kPartition, **row);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->index, 7u);
  applier_->AtCommitBoundary(
      [](FrameNumber applied) { EXPECT_EQ(applied, FrameNumber(1)); });
}

// A reader takes the memtables first and the image later. In between a memtable
// may have been applied, and the image gone on: neither a gap nor an old row
// over a newer one may show.
TEST_F(ApplierTest, ReadersSeeWholeAndNeverOlderStatesBesideFlushes) {
  constexpr uint64_t kBatches = 30'000;
  Start(2 * kKeys);  // every second batch fills one
  std::atomic<bool> over{false};
  std::atomic<uint64_t> torn{0}, old{0}, reads{0};
  std::vector<Thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back("reader", [&, reader] {
      while (!over) {
        const uint64_t before = applier_->published();
        const std::optional<uint64_t> seen = ReadBatch(reader == 0);
        if (!seen.has_value()) {
          ++torn;
        } else if (*seen < before) {
          ++old;
        }
        ++reads;
      }
    });
  }
  Thread flusher("flusher", [&] {
    while (!over) EXPECT_TRUE(applier_->Flush().ok());
  });
  for (uint64_t number = 1; number <= kBatches; ++number) Publish(number);
  over = true;
  readers.clear();
  flusher.Join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(old, 0u);
  EXPECT_GT(reads, 0u);
  EXPECT_GT(applied_, 0u);
  ASSERT_TRUE(applier_->Flush().ok());
  EXPECT_EQ(fixture_.Get(Key(0)), absl::StrCat(kBatches));
}

}  // namespace
}  // namespace pallet::storage
