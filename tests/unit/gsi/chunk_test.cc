// SPDX-License-Identifier: Apache-2.0
#include "gsi/chunk.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/global_index.h"
#include "storage/key_codec.h"
#include "tests/testing/item_text.h"

namespace pallet::gsi {
namespace {

using model::ScalarType;
using storage::ChangeSeq;

constexpr uint64_t kSeed = 3;
constexpr uint64_t kMiddle = uint64_t{1} << 63;
const storage::PartitionId kLineage(1);

// Two indexes by g, one with whole items and one with keys, of two targets each.
class ChunkTest : public ::testing::Test {
 protected:
  ChunkTest() {
    Add(1, model::Projection{});
    Add(2, model::Projection{model::ProjectionKind::kKeysOnly});
    for (size_t i = 0; i < indexes_.size(); ++i) {
      FillJob job{&indexes_[i]};
      for (const Target& target : indexes_[i].targets) {
        channels_.push_back(std::make_unique<Channel>());
        channels_.back()->target = target;
        channels_.back()->cursor = 10;
        job.channels.push_back(channels_.back().get());
      }
      jobs_.push_back(job);
    }
    for (const FillJob& job : jobs_) chunk_.AddPart(job, BackfillState());
  }

  void Add(uint64_t id, model::Projection projection) {
    IndexTopology& index = indexes_.emplace_back();
    index.id = id;
    index.keyspace = storage::KeyspaceId(100 + static_cast<uint32_t>(id));
    index.schema = std::make_shared<model::GlobalIndex>(
        absl::StrCat("index", id),
        model::IndexKeySchema{{{"g", ScalarType::kString}}},
        model::KeySchema{{"pk", ScalarType::kString}, {}},
        std::move(projection));
    index.targets.push_back(
        {storage::PartitionId(10 * id), {0, kMiddle - 1}, nullptr});
    index.targets.push_back(
        {storage::PartitionId(10 * id + 1), {kMiddle, UINT64_MAX}, nullptr});
  }

  void AddRows(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string pk = absl::StrCat("item", i);
      const std::string item = testing::CanonicalItemBytes(
          absl::StrCat("attributes { key: 'pk' value { s: '", pk,
                       "' } } attributes { key: 'g' value { s: 'g", i, "' } }",
                       "attributes { key: 'v' value { s: 'some value' } }"));
      chunk_.Add(kSeed, jobs_,
                 storage::RowKey(storage::KeyspaceId(1),
                                 {{ScalarType::kString, pk}, {}}, kSeed),
                 {ChangeSeq(i + 1), 100, item});
    }
  }

  // Takes the wave; keys of the entries go to taken_.
  void Accept(std::vector<Shipment>* wave) {
    for (Shipment& shipment : *wave) {
      shipment.outcome.status = absl::OkStatus();
      for (const Mutation& mutation : shipment.batch.mutations) {
        taken_[shipment.batch.target].push_back(mutation.row_key);
        bytes_ += mutation.bytes.size();
      }
    }
  }

  std::vector<IndexTopology> indexes_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<FillJob> jobs_;
  Chunk chunk_{ChangeSeq(10), "", ""};
  std::map<storage::PartitionId, std::vector<std::string>> taken_;
  uint64_t bytes_ = 0;
};

TEST_F(ChunkTest, WavesBringEachEntryOnceInTheOrderOfKeys) {
  AddRows(100);
  chunk_.Seal("");
  int waves = 0;
  while (!chunk_.IsSent()) {
    std::vector<Shipment> wave =
        chunk_.NextWave(kLineage, {.wave_entries = 40});
    for (const Shipment& shipment : wave) {
      EXPECT_LE(shipment.batch.mutations.size(), 20u);
      EXPECT_EQ(shipment.batch.expected, std::nullopt);
      EXPECT_EQ(shipment.batch.seq, ChangeSeq(10));
      EXPECT_EQ(shipment.batch.lineage, kLineage);
    }
    Accept(&wave);
    EXPECT_TRUE(chunk_.Conclude(wave).ok());
    ++waves;
  }
  EXPECT_GT(waves, 2);
  size_t entries = 0;
  for (const auto& [target, keys] : taken_) {
    entries += keys.size();
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
    for (size_t i = 1; i < keys.size(); ++i) EXPECT_NE(keys[i - 1], keys[i]);
  }
  EXPECT_EQ(taken_.size(), 4u);
  EXPECT_EQ(entries, 200u);
  for (const Chunk::Part& part : chunk_.parts()) {
    EXPECT_EQ(part.state.items_read, 100u);
    EXPECT_TRUE(part.state.done);
  }
}

TEST_F(ChunkTest, WhatWasRefusedIsInTheNextWave) {
  AddRows(20);
  chunk_.Seal("next");
  std::vector<Shipment> wave = chunk_.NextWave(kLineage, {});
  ASSERT_EQ(wave.size(), 4u);
  const storage::PartitionId refused = wave[1].batch.target;
  const size_t entries = wave[1].batch.mutations.size();
  Accept(&wave);
  wave[1].outcome.status = absl::ResourceExhaustedError("full");
  EXPECT_TRUE(absl::IsResourceExhausted(chunk_.Conclude(wave)));
  EXPECT_FALSE(chunk_.IsSent());
  wave = chunk_.NextWave(kLineage, {});
  ASSERT_EQ(wave.size(), 1u);
  EXPECT_EQ(wave[0].batch.target, refused);
  EXPECT_EQ(wave[0].batch.mutations.size(), entries);
  Accept(&wave);
  EXPECT_TRUE(chunk_.Conclude(wave).ok());
  EXPECT_TRUE(chunk_.IsSent());
  EXPECT_EQ(chunk_.parts()[0].state.next_row_key, "next");
  EXPECT_FALSE(chunk_.parts()[0].state.done);
}

TEST_F(ChunkTest, RowsBehindTheCursorAreRememberedOnceAllIsTaken) {
  AddRows(20);  // seqs 1 to 20; the cursors are at 10
  chunk_.Seal("");
  const auto remembered = [this] {
    size_t count = 0;
    for (const auto& channel : channels_) count += channel->early.size();
    return count;
  };
  std::vector<Shipment> wave = chunk_.NextWave(kLineage, {});
  Accept(&wave);
  wave[0].outcome.status = absl::ResourceExhaustedError("full");
  EXPECT_FALSE(chunk_.Conclude(wave).ok());
  EXPECT_EQ(remembered(), 0u);
  wave = chunk_.NextWave(kLineage, {});
  Accept(&wave);
  EXPECT_TRUE(chunk_.Conclude(wave).ok());
  EXPECT_EQ(remembered(), 20u);  // ten in each index
}

TEST_F(ChunkTest, IndexesWithWholeItemsShareTheirBytes) {
  AddRows(1);
  const uint64_t before = chunk_.bytes();
  indexes_[1].schema = indexes_[0].schema;  // ALL, too
  Chunk both(ChangeSeq(10), "", "");
  for (const FillJob& job : jobs_) both.AddPart(job, BackfillState());
  const std::string item = testing::CanonicalItemBytes(
      absl::StrCat("attributes { key: 'pk' value { s: 'p' } } "
                   "attributes { key: 'g' value { s: 'x' } }"
                   "attributes { key: 'v' value { s: '",
                   std::string(5000, 'v'), "' } }"));
  both.Add(kSeed, jobs_,
           storage::RowKey(storage::KeyspaceId(1),
                           {{ScalarType::kString, "p"}, {}}, kSeed),
           {ChangeSeq(1), 5000, item});
  EXPECT_GT(both.bytes(), 5000u);
  EXPECT_LT(both.bytes(), 6000u);
  EXPECT_GT(before, 0u);
}

TEST_F(ChunkTest, ItIsForItsJobsAlone) {
  EXPECT_TRUE(chunk_.Has(1));
  EXPECT_FALSE(chunk_.Has(3));
  EXPECT_TRUE(chunk_.IsAmong(jobs_));
  EXPECT_FALSE(chunk_.IsAmong({jobs_[0]}));
  std::vector<FillJob> others = jobs_;
  std::swap(others[0].channels[0], others[0].channels[1]);
  EXPECT_FALSE(chunk_.IsAmong(others));
}

}  // namespace
}  // namespace pallet::gsi
