// SPDX-License-Identifier: Apache-2.0
#include "cluster/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "cluster/record_codec.h"
#include "model/errors.h"
#include "tests/testing/table_definition.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::cluster {
namespace {

namespace lmdb = storage::lmdb;
using model::Reason;
using model::ReasonOf;
using storage::PartitionId;
using storage::v1::PartitionRecord;
using storage::v1::TableRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TableDefinition;
using testing::TemporaryDirectory;

class CatalogTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Open(true).ok()); }

  absl::Status Open(bool found = false,
                    const std::string& incarnation = "this one") {
    catalog_.reset();
    auto opened = Catalog::Open({.directory = directory_.path(),
                                 .incarnation = incarnation,
                                 .found = found});
    if (opened.ok()) catalog_ = *std::move(opened);
    return opened.status();
  }

  absl::StatusOr<CatalogTable> Create(const std::string& name,
                                      uint32_t partitions = 2) {
    std::vector<Placement> placements;
    for (const storage::HashRange& range : EvenRanges(partitions)) {
      placements.push_back(
          {range, StoreId(static_cast<uint32_t>(placements.size()))});
    }
    return catalog_->CreateTable(TableDefinition(name), placements, {});
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto tables = catalog_->Load();
    EXPECT_TRUE(tables.ok()) << tables.status();
    for (const CatalogTable& entry : *tables) {
      names.push_back(entry.table.name());
    }
    return names;
  }

  // Overwrites one stored value behind the catalog's back.
  void Overwrite(const std::string& database, const std::string& key,
                 const std::string& value) {
    catalog_.reset();
    auto environment = lmdb::Environment::Open(
        {.directory = directory_.path(), .max_databases = 8});
    ASSERT_TRUE(environment.ok());
    const auto databases = (*environment)->OpenDatabases({database});
    auto write = (*environment)->BeginWrite();
    ASSERT_TRUE(write->Put((*databases)[0], key, value).ok());
    ASSERT_TRUE(write->Commit().ok());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogTest, Example) {
  const auto created = Create("cities");
  ASSERT_TRUE(created.ok()) << created.status();
  ASSERT_TRUE(Open().ok());
  const auto tables = catalog_->Load();
  ASSERT_TRUE(tables.ok()) << tables.status();
  ASSERT_EQ(tables->size(), 1u);
  EXPECT_EQ((*tables)[0].table.SerializeAsString(),
            created->table.SerializeAsString());
  ASSERT_EQ((*tables)[0].partitions.size(), 2u);
  const PartitionRecord& second = (*tables)[0].partitions[1];
  EXPECT_EQ(second.table(), created->table.id());
  EXPECT_EQ(second.keyspace(), created->table.keyspace());
  EXPECT_EQ(second.first_hash(), uint64_t{1} << 63);
  EXPECT_EQ(second.last_hash(), UINT64_MAX);
  EXPECT_EQ(second.store(), 1u);
}

TEST_F(CatalogTest, TheSeedStays) {
  const uint64_t seed = catalog_->hash_seed();
  EXPECT_NE(seed, 0u);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(catalog_->hash_seed(), seed);
  ASSERT_TRUE(Open(true).ok());
  EXPECT_EQ(catalog_->hash_seed(), seed);
}

TEST_F(CatalogTest, NamesAreTakenOnceAndListedInOrder) {
  ASSERT_TRUE(Create("b").ok());
  ASSERT_TRUE(Create("a").ok());
  ASSERT_TRUE(Create("B").ok());
  const auto again = Create("a");
  EXPECT_EQ(ReasonOf(again.status()), Reason::kTableAlreadyExists);
  EXPECT_EQ(again.status().message(), "Table already exists: a");
  EXPECT_THAT(Names(), ElementsAre("B", "a", "b"));
}

TEST_F(CatalogTest, NumbersAreNeverUsedAgain) {
  std::set<uint64_t> tables, keyspaces, partitions;
  for (int round = 0; round < 5; ++round) {
    const auto created = Create("cities", 3);
    ASSERT_TRUE(created.ok());
    EXPECT_TRUE(tables.insert(created->table.id()).second);
    EXPECT_TRUE(keyspaces.insert(created->table.keyspace()).second);
    for (const PartitionRecord& partition : created->partitions) {
      EXPECT_TRUE(partitions.insert(partition.id()).second);
    }
    ASSERT_TRUE(catalog_->DeleteTable("cities").ok());
    ASSERT_TRUE(Open().ok());
  }
  EXPECT_TRUE(*catalog_->WasGivenOut(PartitionId(*partitions.rbegin())));
  EXPECT_FALSE(*catalog_->WasGivenOut(PartitionId(*partitions.rbegin() + 1)));
}

TEST_F(CatalogTest, UpdatesAreKept) {
  auto created = Create("cities");
  ASSERT_TRUE(created.ok());
  created->table.set_deletion_protection(true);
  ASSERT_TRUE(catalog_->UpdateTable(created->table, {}).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE((*catalog_->Load())[0].table.deletion_protection());
}

TEST_F(CatalogTest, WhatIsNotThereIsNotFound) {
  ASSERT_TRUE(Create("cities").ok());
  EXPECT_EQ(ReasonOf(catalog_->DeleteTable("towns")),
            Reason::kResourceNotFound);
  EXPECT_EQ(ReasonOf(catalog_->DeleteTable("")), Reason::kResourceNotFound);
  EXPECT_EQ(ReasonOf(catalog_->DeleteTable(std::string(600, 'x'))),
            Reason::kResourceNotFound);
  EXPECT_EQ(
      ReasonOf(catalog_->UpdateTable(TableDefinition("towns"), {}).status()),
      Reason::kResourceNotFound);
  EXPECT_THAT(Names(), ElementsAre("cities"));
}

TEST_F(CatalogTest, DeletingOneLeavesTheOthers) {
  ASSERT_TRUE(Create("a", 3).ok());
  ASSERT_TRUE(Create("b", 4).ok());
  ASSERT_TRUE(catalog_->DeleteTable("a").ok());
  const auto tables = catalog_->Load();
  ASSERT_TRUE(tables.ok()) << tables.status();
  ASSERT_EQ(tables->size(), 1u);
  EXPECT_EQ((*tables)[0].partitions.size(), 4u);
}

TEST_F(CatalogTest, AMissingOrForeignCatalogIsDataLoss) {
  EXPECT_EQ(ReasonOf(Open(false, "another one")), Reason::kDataLoss);
  EXPECT_EQ(ReasonOf(Open(true, "another one")), Reason::kDataLoss);
  TemporaryDirectory empty;
  const auto missing =
      Catalog::Open({.directory = empty.path(), .incarnation = "this one"});
  EXPECT_EQ(ReasonOf(missing.status()), Reason::kDataLoss);
}

TEST_F(CatalogTest, ADamagedRecordIsDataLossAndNamed) {
  const auto created = Create("cities");
  std::string stored = EncodeRecord("cities", created->table);
  stored.back() ^= 1;
  Overwrite("tables", "cities", stored);
  ASSERT_TRUE(Open().ok());
  const absl::Status status = catalog_->Load().status();
  EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("table cities"));
}

TEST_F(CatalogTest, PartitionsThatDoNotFitAreDataLoss) {
  const auto created = Create("cities");
  PartitionRecord gap = created->partitions[1];
  gap.set_first_hash(gap.first_hash() + 1);
  const std::string key = std::string(7, '\0') + '\2';
  ASSERT_EQ(gap.id(), 2u);
  Overwrite("partitions", key, EncodeRecord(key, gap));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonOf(catalog_->Load().status()), Reason::kDataLoss);
  PartitionRecord stranger = created->partitions[1];
  stranger.set_table(77);
  Overwrite("partitions", key, EncodeRecord(key, stranger));
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReasonOf(catalog_->Load().status()), Reason::kDataLoss);
}

TEST_F(CatalogTest, ARecordOfANewerVersionIsRefused) {
  auto created = Create("cities");
  created->table.set_format(kNewestRecordFormat + 1);
  Overwrite("tables", "cities", EncodeRecord("cities", created->table));
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(catalog_->Load().status()));
}

}  // namespace
}  // namespace pallet::cluster
