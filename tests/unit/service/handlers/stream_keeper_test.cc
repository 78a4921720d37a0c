// SPDX-License-Identifier: Apache-2.0
//
// What becomes of streams as time goes by.
#include "service/streams/stream_keeper.h"

#include "model/errors.h"
#include "service/streams/stream_usage.h"
#include "tests/unit/service/handlers/stream_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class StreamKeeperTest : public StreamTest {
 protected:
  size_t RowsInStores() {
    size_t count = 0;
    for (uint32_t i = 0; i < host_->store_count(); ++i) {
      EXPECT_TRUE(host_->store(cluster::StoreId(i))
                      .Read([&](storage::ReadTransaction& rows) {
                        const auto cursor = rows.Cursor("", "");
                        EXPECT_TRUE(cursor->SeekAtOrAfter("").ok());
                        for (; cursor->Valid(); (void)cursor->Next()) ++count;
                        return absl::OkStatus();
                      })
                      .ok());
    }
    return count;
  }
};

TEST_F(StreamKeeperTest, RecordsGoWhenTheyAreTooOld) {
  CreateLog();
  const std::string arn = Arns()[0];
  PutLog("a", "1");
  clock_.Advance(absl::Hours(1));
  PutLog("a", "2");
  std::string shard;
  const v1::StreamDescription described = Describe(arn);
  for (const v1::Shard& each : described.shards()) {
    const std::string id = each.shard_id();
    if (Records(Iterator(arn, id, "TRIM_HORIZON")).records_size() > 0) {
      shard = id;
    }
  }
  const v1::GetRecordsResponse all =
      Records(Iterator(arn, shard, "TRIM_HORIZON"));
  ASSERT_EQ(all.records_size(), 2);
  const std::string first = all.records(0).dynamodb().sequence_number();
  const std::string second = all.records(1).dynamodb().sequence_number();

  clock_.Advance(absl::Hours(23));
  keeper().RunOnce();
  EXPECT_EQ(Records(Iterator(arn, shard, "TRIM_HORIZON")).records_size(), 2);
  const std::string at_first =
      Iterator(arn, shard, "AT_SEQUENCE_NUMBER", first);

  clock_.Advance(absl::Seconds(1));
  keeper().RunOnce();
  EXPECT_THAT(Texts(arn), ElementsAre("MODIFY a: 1 -> 2"));
  EXPECT_THAT(CallIterator(arn, shard, "AT_SEQUENCE_NUMBER", first),
              StartsWith("TRIMMED_DATA_ACCESS"));
  // Behind the trimmed one nothing is missing.
  EXPECT_EQ(Records(Iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", first))
                .records_size(),
            1);
  EXPECT_EQ(Records(Iterator(arn, shard, "AT_SEQUENCE_NUMBER", second))
                .records_size(),
            1);

  clock_.Advance(absl::Hours(1));
  const std::string after_first =
      Iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", first);
  keeper().RunOnce();
  EXPECT_THAT(Texts(arn), IsEmpty());
  EXPECT_THAT(CallRecords(after_first), StartsWith("TRIMMED_DATA_ACCESS"));
  EXPECT_THAT(CallIterator(arn, shard, "AFTER_SEQUENCE_NUMBER", first),
              StartsWith("TRIMMED_DATA_ACCESS"));
  EXPECT_EQ(Records(Iterator(arn, shard, "AFTER_SEQUENCE_NUMBER", second))
                .records_size(),
            0);
  // An open stream is open for ever.
  PutLog("a", "3");
  EXPECT_THAT(Texts(arn), ElementsAre("MODIFY a: 2 -> 3"));
}

TEST_F(StreamKeeperTest, ManyRecordsGoInSeveralWrites) {
  CreateLog(Spec("STREAM_VIEW_TYPE_KEYS_ONLY"));
  for (int i = 0; i < 1100; ++i) PutLog("a", absl::StrCat(i));
  const size_t rows = RowsInStores();
  clock_.Advance(absl::Hours(25));
  keeper().RunOnce();
  EXPECT_EQ(RowsInStores(), rows - 1100);
}

TEST_F(StreamKeeperTest, ADisabledStreamIsForgottenADayLater) {
  CreateLog("");
  PutLog("a", "1");
  const size_t rows = RowsInStores();
  Enable();
  PutLog("a", "2");
  const std::string arn = Arns()[0];
  clock_.Advance(absl::Hours(1));
  Disable();
  clock_.Advance(absl::Hours(24) - absl::Seconds(1));
  keeper().RunOnce();
  EXPECT_THAT(Arns(), ElementsAre(arn));
  const v1::StreamDescription stream = Describe(arn);
  EXPECT_EQ(stream.shards_size(), 3);
  const std::string iterator =
      Iterator(arn, stream.shards(0).shard_id(), "TRIM_HORIZON");
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Arns(), IsEmpty());
  EXPECT_THAT(CallRecords(iterator), StartsWith("RESOURCE_NOT_FOUND"));
  keeper().RunOnce();
  EXPECT_TRUE(host_->FindTable("log")->streams.empty());
  EXPECT_EQ(RowsInStores(), rows);
  EXPECT_THAT(Call("DescribeTable", "table_name: 'log'"),
              ::testing::Not(HasSubstr("latest_stream")));
  // The table is as good as new.
  Enable();
  PutLog("a", "3");
  EXPECT_THAT(Texts(Arns()[0]), ElementsAre("MODIFY a: 2 -> 3"));
}

TEST_F(StreamKeeperTest, TheStreamOfADeletedTableIsReadADayLonger) {
  const size_t before = RowsInStores();
  CreateLog();
  for (int i = 0; i < 700; ++i) PutLog(absl::StrCat("k", i), "1");
  const std::string arn = Arns()[0];
  Tick();
  EXPECT_THAT(DeleteLog(), HasSubstr("DELETING"));
  EXPECT_THAT(Call("DescribeTable", "table_name: 'log'"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Texts(arn), SizeIs(700));
  EXPECT_EQ(Describe(arn).stream_status(), v1::STREAM_STATUS_DISABLED);

  // Another table of the name has another stream.
  CreateLog();
  PutLog("new", "1");
  ASSERT_THAT(Arns(), SizeIs(2));
  EXPECT_THAT(Texts(arn), SizeIs(700));
  DeleteLogItem("new");

  // Items go, records stay: 700, and a row for each shard; the other's 2 and 3.
  keeper().RunOnce();
  EXPECT_EQ(RowsInStores(), before + 700 + 3 + 2 + 3);
  EXPECT_THAT(Texts(arn), SizeIs(700));
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Arns(), SizeIs(1));
  keeper().RunOnce();
  EXPECT_TRUE(host_->map()->gone().empty());
  EXPECT_EQ(RowsInStores(), before + 2 + 3);
}

TEST_F(StreamKeeperTest, WhatAFullStoreLeftUndoneIsDoneLater) {
  CreateLog("");
  store_control_.SetRefusal([](int) {
    return model::MakeError(model::Reason::kStorageFull, "full");
  });
  EXPECT_THAT(Enable(), StartsWith("STORAGE_FULL"));
  store_control_.SetRefusal(nullptr);
  const std::string arn = Arns()[0];
  EXPECT_EQ(Describe(arn).stream_status(), v1::STREAM_STATUS_ENABLING);
  PutLog("a", "1");
  keeper().RunOnce();
  EXPECT_EQ(Describe(arn).stream_status(), v1::STREAM_STATUS_ENABLED);
  PutLog("a", "2");
  EXPECT_THAT(Texts(arn), ElementsAre("MODIFY a: 1 -> 2"));

  store_control_.SetRefusal([](int) {
    return model::MakeError(model::Reason::kStorageFull, "full");
  });
  EXPECT_THAT(Disable(), StartsWith("STORAGE_FULL"));
  store_control_.SetRefusal(nullptr);
  EXPECT_EQ(Describe(arn).stream_status(), v1::STREAM_STATUS_DISABLING);
  keeper().RunOnce();
  EXPECT_EQ(Describe(arn).stream_status(), v1::STREAM_STATUS_DISABLED);
}

TEST_F(StreamKeeperTest, MetricsTellWhatIsKeptAndHowOldItIs) {
  const auto usages = [&] { return StreamUsages(*host_, clock_.Now()); };
  EXPECT_THAT(usages(), IsEmpty());
  CreateLog();
  ASSERT_THAT(usages(), SizeIs(1));
  EXPECT_EQ(usages()[0].table, "log");
  EXPECT_EQ(usages()[0].records, 0u);
  EXPECT_EQ(usages()[0].oldest, absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) PutLog(absl::StrCat("a", i), "1");
  clock_.Advance(absl::Hours(1));
  PutLog("a0", "2");
  EXPECT_EQ(usages()[0].records, 6u);
  EXPECT_EQ(usages()[0].oldest, absl::Hours(1));
  clock_.Advance(absl::Hours(23) + absl::Seconds(1));
  keeper().RunOnce();
  EXPECT_EQ(keeper().trimmed(), 5u);
  EXPECT_EQ(usages()[0].records, 1u);
  EXPECT_EQ(usages()[0].oldest, absl::Hours(23) + absl::Seconds(1));
  // The stream of the one that is gone and that of the new one.
  DeleteLog();
  CreateLog();
  PutLog("a", "3");
  ASSERT_THAT(usages(), SizeIs(1));
  EXPECT_EQ(usages()[0].records, 2u);
}

}  // namespace
}  // namespace pallet::service
