// SPDX-License-Identifier: Apache-2.0
//
// What the catalog and the partition host keep of streams, over stores in
// memory: versions, tables that are gone, and what a start makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "cluster/partition_host.h"
#include "model/errors.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/integration/cluster/host_on_fake_disk.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/table_definition.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::cluster {
namespace {

using model::Reason;
using model::ReasonOf;
using storage::v1::StreamRecord;
using storage::v1::TableRecord;
using testing::FakeDisk;
using testing::TableDefinition;
using testing::TemporaryDirectory;

void AddStream(const std::string& label, TableRecord* table) {
  StreamRecord* stream = table->add_streams();
  stream->set_label(label);
  stream->set_view(storage::v1::STREAM_VIEW_NEW_IMAGE);
}

void CloseLast(TableRecord* table) {
  StreamRecord* last = table->mutable_streams(table->streams_size() - 1);
  last->mutable_closed()->set_seconds(5);
}

class StreamHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    data_ = directory_.path() + "/data";
    ASSERT_TRUE(Open().ok());
  }

  absl::Status Open() {
    host_.reset();
    auto opened = OpenHost(data_, &disk_);
    if (opened.ok()) host_ = *std::move(opened);
    return opened.status();
  }

  TablePtr Create(const std::string& name, bool with_stream) {
    TableRecord definition = TableDefinition(name);
    if (with_stream) AddStream("first", &definition);
    auto table = host_->CreateTable(std::move(definition));
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : nullptr;
  }

  TablePtr Update(absl::FunctionRef<void(TableRecord*)> change) {
    auto table = host_->UpdateTable("t", [&](TableRecord& record) {
      change(&record);
      return absl::OkStatus();
    });
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : nullptr;
  }

  absl::Status Delete(const std::string& name) {
    return host_
        ->DeleteTable(name, [](const TableRecord&) { return absl::OkStatus(); })
        .status();
  }

  size_t PartitionsInStores() {
    size_t count = 0;
    for (uint32_t i = 0; i < host_->store_count(); ++i) {
      count += host_->store(StoreId(i)).Partitions().size();
    }
    return count;
  }

  TemporaryDirectory directory_;
  std::string data_;
  FakeDisk disk_;
  std::unique_ptr<PartitionHost> host_;
};

TEST_F(StreamHostTest, EachOpeningAndClosingIsAVersion) {
  EXPECT_EQ(Create("t", false)->schema_version, 0u);
  TablePtr table = Update([](TableRecord* t) { AddStream("first", t); });
  EXPECT_EQ(table->schema_version, 1u);
  ASSERT_EQ(table->streams.size(), 1u);
  EXPECT_EQ(table->streams[0].id, 1u);
  EXPECT_TRUE(table->streams[0].keeps_new_image);
  EXPECT_FALSE(table->streams[0].keeps_old_image);
  EXPECT_EQ(table->StreamAt(0), nullptr);
  EXPECT_EQ(table->StreamAt(1), &table->streams[0]);
  EXPECT_EQ(table->StreamAt(7), &table->streams[0]);

  // What is no matter of streams is none of versions.
  table = Update([](TableRecord* t) { t->set_deletion_protection(true); });
  EXPECT_EQ(table->schema_version, 1u);

  table = Update(CloseLast);
  EXPECT_EQ(table->schema_version, 2u);
  EXPECT_EQ(table->StreamAt(1), &table->streams[0]);
  EXPECT_EQ(table->StreamAt(2), nullptr);

  Update([](TableRecord* t) { AddStream("second", t); });
  ASSERT_TRUE(Open().ok());
  table = host_->FindTable("t");
  EXPECT_EQ(table->schema_version, 3u);
  EXPECT_EQ(table->record->format(), 5u);
  ASSERT_EQ(table->streams.size(), 2u);
  EXPECT_EQ(table->StreamAt(1), &table->streams[0]);
  EXPECT_EQ(table->StreamAt(2), nullptr);
  EXPECT_EQ(table->StreamAt(3), &table->streams[1]);
}

TEST_F(StreamHostTest, AStreamAndAnIndexMayComeTogether) {
  Create("t", false);
  const TablePtr table = Update([](TableRecord* t) {
    AddStream("first", t);
    testing::AddGlobalIndex("by", {"a"}, t);
  });
  EXPECT_EQ(table->schema_version, 1u);
  EXPECT_EQ(table->streams[0].id, 1u);
  EXPECT_EQ(table->global_indexes[0].schema_version, 1u);
}

TEST_F(StreamHostTest, ADeletedTableStaysForItsStreams) {
  const TablePtr table = Create("t", true);
  EXPECT_EQ(table->schema_version, 1u);
  const size_t partitions = PartitionsInStores();
  Update([](TableRecord* t) { testing::AddGlobalIndex("by", {"a"}, t); });
  ASSERT_TRUE(Delete("t").ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(host_->FindTable("t"), nullptr);
    const auto map = host_->map();
    ASSERT_EQ(map->gone().size(), 1u);
    const Table& gone = *map->gone()[0];
    EXPECT_EQ(gone.id, table->id);
    EXPECT_EQ(gone.name, "t");
    EXPECT_EQ(gone.schema_version, 3u);
    EXPECT_EQ(gone.partitions, table->partitions);
    EXPECT_TRUE(gone.global_indexes.empty());
    EXPECT_TRUE(gone.record->streams(0).has_closed());
    EXPECT_EQ(gone.streams[0].closed_version, 3u);
    EXPECT_EQ(PartitionsInStores(), partitions);  // none of the index
    ASSERT_TRUE(Open().ok());
  }

  // The name is free, and what comes under it is another table.
  const TablePtr again = Create("t", true);
  EXPECT_NE(again->id, table->id);
  EXPECT_EQ(host_->map()->gone().size(), 1u);
  ASSERT_TRUE(Delete("t").ok());
  EXPECT_EQ(host_->map()->gone().size(), 2u);

  ASSERT_TRUE(host_->ForgetTable(table->id).ok());
  EXPECT_EQ(ReasonOf(host_->ForgetTable(table->id)), Reason::kResourceNotFound);
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(host_->map()->gone().size(), 1u);
  EXPECT_EQ(host_->map()->gone()[0]->id, again->id);
  EXPECT_EQ(PartitionsInStores(), again->partitions.size());
}

TEST_F(StreamHostTest, ATableWithoutStreamsIsNotKept) {
  Create("t", false);
  Update([](TableRecord* t) { AddStream("first", t); });
  Update(CloseLast);
  Update([](TableRecord* t) { t->clear_streams(); });
  ASSERT_TRUE(Delete("t").ok());
  EXPECT_TRUE(host_->map()->gone().empty());
  EXPECT_EQ(PartitionsInStores(), 0u);
}

}  // namespace
}  // namespace pallet::cluster
