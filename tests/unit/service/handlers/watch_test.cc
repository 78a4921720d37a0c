// SPDX-License-Identifier: Apache-2.0
//
// Watch through its operation: what it tells, and that nothing is lost or told
// twice wherever it breaks off.
#include <map>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "model/errors.h"
#include "pallet/v1/item.pb.h"
#include "service/position.h"
#include "service/streams/shards.h"
#include "service/streams/watch_hub.h"
#include "tests/testing/seed.h"
#include "tests/unit/service/handlers/stream_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WatchTest : public StreamTest {
 protected:
  WatchTest() {
    for (uint32_t i = 0; i < host_->store_count(); ++i) {
      host_->store(cluster::StoreId(i)).SetStreamListener(&hub_);
    }
    registry_ = OperationRegistry();
    RegisterHandlers({.clock = &clock_,
                      .host = host_.get(),
                      .read_pool = &read_pool_,
                      .control = &control_,
                      .transactions = transactions_.get(),
                      .watches = &hub_},
                     &registry_);
  }
  ~WatchTest() override {
    for (uint32_t i = 0; i < host_->store_count(); ++i) {
      host_->store(cluster::StoreId(i)).SetStreamListener(nullptr);
    }
  }

  static std::string Log(const std::string& more = "") {
    return "table_name: 'log' " + more;
  }
  std::unique_ptr<PageSource> OpenLog(const std::string& more = "") {
    auto source = Open("Watch", Log(more));
    CHECK(source.ok()) << source.status();
    return *std::move(source);
  }
  static std::string Resume(const v1::WatchResponse& response) {
    return "resume_token: '" + absl::CHexEscape(response.resume_token()) + "'";
  }

  // The next message, as its front end gets it.
  absl::StatusOr<v1::WatchResponse> Next(PageSource& source) {
    while (true) {
      absl::Notification ready;
      if (source.Awaits([&] { ready.Notify(); })) {
        if (!ready.WaitForNotificationWithTimeout(absl::Seconds(20))) {
          return absl::DeadlineExceededError("nothing came");
        }
      }
      const auto page = source.Next();
      if (!page.ok()) return page.status();
      CHECK(page->has_value());
      if ((*page)->empty()) continue;
      v1::WatchResponse response;
      CHECK(response.ParseFromString(**page));
      return response;
    }
  }
  v1::WatchResponse NextOf(PageSource& source) {
    auto response = Next(source);
    CHECK(response.ok()) << response.status();
    return *std::move(response);
  }
  std::vector<std::string> TextsOf(const v1::WatchResponse& response) {
    std::vector<std::string> texts;
    for (const v1::Record& record : response.records()) {
      texts.push_back(TextOf(record));
    }
    return texts;
  }

  // Puts the item; the position in the reply, as a request has it.
  std::string PutForPosition(const std::string& pk, const std::string& value,
                             const std::string& table = "log") {
    v1::PutItemRequest request;
    request.set_table_name(table);
    auto& attributes = *request.mutable_item()->mutable_attributes();
    attributes["pk"].set_s(pk);
    attributes["v"].set_s(value);
    v1::PutItemResponse response;
    absl::Notification answered;
    (*registry_.Find("PutItem"))(request.SerializeAsString(), CallContext(),
                                 [&](absl::StatusOr<std::string> answer) {
                                   CHECK(answer.ok()) << answer.status();
                                   CHECK(response.ParseFromString(*answer));
                                   answered.Notify();
                                 });
    answered.WaitForNotification();
    return Positions(response.position());
  }
  static std::string Positions(const std::string& position) {
    return " positions: '" + absl::CHexEscape(position) + "'";
  }
  model::Reason RefusalOf(const std::string& more) {
    return model::ReasonOf(Open("Watch", Log(more)).status());
  }

  static constexpr uint32_t kSeats = 3;
  WatchHub hub_{&clock_, kSeats};
};

TEST_F(WatchTest, Example) {
  CreateLog();
  PutLog("a", "before");
  const auto watch = OpenLog();
  // So its client knows that it has begun.
  const v1::WatchResponse first = NextOf(*watch);
  EXPECT_THAT(TextsOf(first), IsEmpty());
  EXPECT_TRUE(first.snapshot_complete());
  PutLog("a", "1");
  EXPECT_THAT(TextsOf(NextOf(*watch)), ElementsAre("MODIFY a: before -> 1"));
  DeleteLogItem("a");
  const v1::WatchResponse last = NextOf(*watch);
  EXPECT_THAT(TextsOf(last), ElementsAre("REMOVE a: 1 ->"));

  // From behind the first message, and from behind the last.
  const auto again = OpenLog(Resume(first));
  EXPECT_THAT(TextsOf(NextOf(*again)),
              ElementsAre("MODIFY a: before -> 1", "REMOVE a: 1 ->"));
  PutLog("b", "2");
  EXPECT_THAT(TextsOf(NextOf(*OpenLog(Resume(last)))),
              ElementsAre("INSERT b: -> 2"));
}

TEST_F(WatchTest, TellsTheItemsFirstIfAskedTo) {
  CreateLog();
  PutLog("a", "1");
  PutLog("b", "2");
  std::set<std::string> texts;
  const auto watch = OpenLog("snapshot: true");
  while (true) {
    const v1::WatchResponse response = NextOf(*watch);
    for (const std::string& text : TextsOf(response)) texts.insert(text);
    if (response.snapshot_complete()) break;
  }
  EXPECT_EQ(texts, (std::set<std::string>{"INSERT a: -> 1", "INSERT b: -> 2"}));
  PutLog("a", "3");
  EXPECT_THAT(TextsOf(NextOf(*watch)), ElementsAre("MODIFY a: 1 -> 3"));
}

// What a client makes of what it is told.
class Copy {
 public:
  void Apply(const v1::Record& record) {
    const v1::StreamRecord& change = record.dynamodb();
    const std::string key = change.keys().attributes().at("pk").s();
    const auto known = items_.find(key);
    if (change.has_old_image()) {
      ASSERT_NE(known, items_.end()) << key;
      ASSERT_EQ(known->second, ValueOf(change.old_image())) << key;
    } else {
      ASSERT_EQ(known, items_.end()) << key << " comes twice";
    }
    if (change.has_new_image()) {
      items_[key] = ValueOf(change.new_image());
    } else {
      items_.erase(key);
    }
  }
  const std::map<std::string, std::string>& items() const { return items_; }

 private:
  static std::string ValueOf(const v1::Item& item) {
    return item.attributes().at("v").s();
  }
  std::map<std::string, std::string> items_;
};

TEST_F(WatchTest, ACopyIsTheTableWhereverTheWatchBreaks) {
  Random random(testing::TestSeed());
  CreateLog();
  std::map<std::string, std::string> table;
  const auto write = [&] {
    const std::string key = absl::StrCat("k", random.Below(3000));
    if (table.contains(key) && random.OneIn(4)) {
      DeleteLogItem(key);
      table.erase(key);
    } else {
      table[key] = absl::StrCat("v", random.Next());
      PutLog(key, table[key]);
    }
  };
  for (int i = 0; i < 4000; ++i) write();
  Copy copy;
  auto watch = OpenLog("snapshot: true");
  v1::WatchResponse response;
  int breaks = 0;
  for (int left = 40; left > 0;) {
    response = NextOf(*watch);
    for (const v1::Record& record : response.records()) {
      copy.Apply(record);
      if (HasFatalFailure()) return;
    }
    if (response.snapshot_complete()) --left;
    for (uint64_t i = random.Between(1, 20); i > 0; --i) write();
    if (random.OneIn(2)) {
      ++breaks;
      watch = OpenLog(Resume(response));
    }
  }
  while (copy.items() != table) {
    const auto rest = Next(*watch);
    ASSERT_TRUE(rest.ok()) << rest.status();
    for (const v1::Record& record : rest->records()) {
      copy.Apply(record);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(breaks, 0);
}

TEST_F(WatchTest, FiltersAndPartitionKeysSayWhatIsTold) {
  CreateLog();
  PutLog("a", "x");
  PutLog("b", "x");
  const std::string filter =
      "filter_expression: 'v = :v' expression_attribute_values { key: ':v' "
      "value { s: 'x' } } snapshot: true ";
  const std::string key = "partition_key {" + Plain("a") + "} snapshot: true ";
  std::vector<std::string> filtered, keyed;
  const auto by_filter = OpenLog(filter);
  const auto by_key = OpenLog(key);
  const auto gather = [&](PageSource& source, std::vector<std::string>* out) {
    const v1::WatchResponse response = NextOf(source);
    for (const std::string& text : TextsOf(response)) out->push_back(text);
    return response.snapshot_complete();
  };
  while (!gather(*by_filter, &filtered)) {
  }
  while (!gather(*by_key, &keyed)) {
  }
  EXPECT_THAT(filtered, ::testing::UnorderedElementsAre("INSERT a: -> x",
                                                        "INSERT b: -> x"));
  EXPECT_THAT(keyed, ElementsAre("INSERT a: -> x"));
  PutLog("b", "y");
  PutLog("a", "z");
  DeleteLogItem("a");
  PutLog("c", "x");
  EXPECT_THAT(TextsOf(NextOf(*by_filter)), ElementsAre("INSERT c: -> x"));
  EXPECT_THAT(TextsOf(NextOf(*by_key)),
              ElementsAre("MODIFY a: x -> z", "REMOVE a: z ->"));
}

TEST_F(WatchTest, HeartbeatsComeWhenNothingHappens) {
  CreateLog();
  const auto watch = OpenLog("heartbeat_interval { nanos: 10000000 }");
  NextOf(*watch);
  clock_.Advance(absl::Milliseconds(10));
  const v1::WatchResponse heartbeat = NextOf(*watch);
  EXPECT_THAT(TextsOf(heartbeat), IsEmpty());
  EXPECT_FALSE(heartbeat.resume_token().empty());
}

TEST_F(WatchTest, WhatCannotBeWatchedIsRefused) {
  const auto refusal = [&](const std::string& request) {
    return Open("Watch", request).status();
  };
  EXPECT_EQ(model::ReasonOf(refusal("table_name: 'nothing'")),
            model::Reason::kResourceNotFound);
  const absl::Status no_stream = refusal("table_name: 'plain'");
  EXPECT_EQ(model::ReasonOf(no_stream), model::Reason::kResourceNotFound);
  EXPECT_THAT(std::string(no_stream.message()), HasSubstr("enable one"));
  CreateLog();
  for (const std::string more :
       {"resume_token: 'forged'", "heartbeat_interval { nanos: 1 }",
        "heartbeat_interval { seconds: 601 }", "filter_expression: '='",
        "partition_key { attributes { key: 'x' value { s: 'y' } } }"}) {
    EXPECT_EQ(model::ReasonOf(refusal(Log(more))), model::Reason::kValidation)
        << more;
  }
  const std::string token = Resume(NextOf(*OpenLog()));
  EXPECT_EQ(model::ReasonOf(refusal(Log(token + " snapshot: true"))),
            model::Reason::kValidation);
  EXPECT_EQ(model::ReasonOf(refusal(
                Log(token + " filter_expression: 'attribute_exists(pk)'"))),
            model::Reason::kValidation);
  EXPECT_TRUE(Open("Watch", Log(token)).ok());
  DeleteLog();
  CreateLog();
  EXPECT_TRUE(Open("Watch", Log(token)).ok());  // what the old one had
}

TEST_F(WatchTest, BeginsBehindAWrite) {
  CreateLog();
  PutLog("b", "before");
  const std::string first = PutForPosition("a", "1");
  const std::string second = PutForPosition("a", "2");
  PutLog("a", "3");
  const auto behind_second = OpenLog(second);
  const v1::WatchResponse told = NextOf(*behind_second);
  EXPECT_THAT(TextsOf(told), ElementsAre("MODIFY a: 2 -> 3"));
  EXPECT_TRUE(told.snapshot_complete());
  // Of two in a partition the first counts, wherever it stands.
  for (const std::string& both : {first + second, second + first}) {
    EXPECT_THAT(TextsOf(NextOf(*OpenLog(both))),
                ElementsAre("MODIFY a: 1 -> 2", "MODIFY a: 2 -> 3"));
  }
  // Those of other tables do not matter.
  const std::string other = PutForPosition("a", "1", "plain");
  EXPECT_THAT(TextsOf(NextOf(*OpenLog(other + second))),
              ElementsAre("MODIFY a: 2 -> 3"));
  // The partition key is watched from there, and goes on from its token.
  const auto keyed = OpenLog(first + " partition_key {" + Plain("a") + "}");
  EXPECT_THAT(TextsOf(NextOf(*keyed)),
              ElementsAre("MODIFY a: 1 -> 2", "MODIFY a: 2 -> 3"));
  const auto again = OpenLog(Resume(told));
  NextOf(*again);
  PutLog("a", "4");
  EXPECT_THAT(TextsOf(NextOf(*again)), ElementsAre("MODIFY a: 3 -> 4"));
}

TEST_F(WatchTest, PositionsItCannotBeginBehindAreRefused) {
  CreateLog();
  const std::string good = PutForPosition("a", "1");
  EXPECT_TRUE(Open("Watch", Log(good)).ok());
  EXPECT_EQ(RefusalOf(Positions("forged")), model::Reason::kValidation);
  EXPECT_EQ(RefusalOf(good + " snapshot: true"), model::Reason::kValidation);
  EXPECT_EQ(RefusalOf(good + " " + Resume(NextOf(*OpenLog()))),
            model::Reason::kValidation);
  EXPECT_EQ(RefusalOf(PutForPosition("a", "1", "plain")),
            model::Reason::kValidation);
  std::string many;
  for (int i = 0; i < 100; ++i) many += good;
  EXPECT_TRUE(Open("Watch", Log(many)).ok());
  EXPECT_EQ(RefusalOf(many + good), model::Reason::kValidation);
  // Ahead of all writes: what comes up to it would be passed over.
  const cluster::TablePtr table = host_->FindTable("log");
  const cluster::TablePartition& partition = table->partitions[0];
  const auto head = HeadOf(*host_, partition);
  ASSERT_TRUE(head.ok());
  const auto at = [&](uint64_t seq) {
    return Positions(
        EncodePosition({table->id, partition.id, storage::ChangeSeq(seq)}));
  };
  EXPECT_TRUE(Open("Watch", Log(at(head->value()))).ok());
  EXPECT_EQ(RefusalOf(at(head->value() + 1)), model::Reason::kValidation);
}

TEST_F(WatchTest, BehindAWriteThatIsNotKeptThereIsNothingToTell) {
  CreateLog("");  // without a stream
  PutLog("a", "0");
  const std::string before = PutForPosition("a", "1");
  PutLog("a", "2");
  Enable();
  EXPECT_EQ(RefusalOf(before), model::Reason::kTrimmedDataAccess);
  const std::string old = PutForPosition("a", "3");
  PutLog("a", "4");
  EXPECT_TRUE(Open("Watch", Log(old)).ok());
  clock_.Advance(absl::Hours(25));
  keeper().RunOnce();
  EXPECT_EQ(RefusalOf(old), model::Reason::kTrimmedDataAccess);
}

TEST_F(WatchTest, ThereAreAsManyAsThereAreSeats) {
  CreateLog();
  std::vector<std::unique_ptr<PageSource>> watches;
  while (watches.size() < kSeats) watches.push_back(OpenLog());
  EXPECT_EQ(hub_.watches(), kSeats);
  EXPECT_EQ(RefusalOf(""), model::Reason::kLimitExceeded);
  // What is refused for another reason takes no seat.
  watches.pop_back();
  EXPECT_EQ(RefusalOf("resume_token: 'forged'"), model::Reason::kValidation);
  watches.push_back(OpenLog());
  EXPECT_EQ(RefusalOf(""), model::Reason::kLimitExceeded);
  watches.clear();
  EXPECT_EQ(hub_.watches(), 0u);
}

TEST_F(WatchTest, HearsOfItsEndAtOnce) {
  CreateLog();
  const auto watch = OpenLog();
  NextOf(*watch);
  // It waits, and no time passes: no heartbeat comes.
  absl::Notification ready;
  ASSERT_TRUE(watch->Awaits([&] { ready.Notify(); }));
  DeleteLog();
  ASSERT_TRUE(ready.WaitForNotificationWithTimeout(absl::Seconds(20)));
  EXPECT_EQ(model::ReasonOf(Next(*watch).status()),
            model::Reason::kResourceNotFound);
}

TEST_F(WatchTest, EndsBehindTheLastChangeOfADisabledStream) {
  CreateLog();
  const auto watch = OpenLog();
  const v1::WatchResponse first = NextOf(*watch);
  PutLog("a", "1");
  Disable();
  PutLog("a", "2");
  EXPECT_THAT(TextsOf(NextOf(*watch)), ElementsAre("INSERT a: -> 1"));
  EXPECT_EQ(model::ReasonOf(Next(*watch).status()),
            model::Reason::kResourceNotFound);
  const auto again = OpenLog(Resume(first));
  EXPECT_THAT(TextsOf(NextOf(*again)), ElementsAre("INSERT a: -> 1"));
  EXPECT_EQ(model::ReasonOf(Next(*again).status()),
            model::Reason::kResourceNotFound);
}

TEST_F(WatchTest, WhatIsTrimmedIsToldSo) {
  CreateLog();
  const v1::WatchResponse first = NextOf(*OpenLog());
  PutLog("a", "1");
  PutLog("a", "2");
  clock_.Advance(absl::Hours(25));
  keeper().RunOnce();
  const auto watch = OpenLog(Resume(first));
  EXPECT_EQ(model::ReasonOf(Next(*watch).status()),
            model::Reason::kTrimmedDataAccess);
}

}  // namespace
}  // namespace pallet::service
