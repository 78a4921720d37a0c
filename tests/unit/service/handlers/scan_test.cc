// SPDX-License-Identifier: Apache-2.0
//
// Scan and StreamScan: every item once, whole or in segments, page by page.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/query.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kItems = 60;

class ScanTest : public HandlerTest {
 protected:
  void PutMany() {
    for (int i = 0; i < kItems; ++i) {
      Put("plain", Plain(absl::StrCat("item", i)));
    }
  }

  template <typename Response = v1::ScanResponse>
  static Response Parse(const std::string& text) {
    Response response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }

  // Scans to the end in pages, and checks that no item comes twice.
  std::set<std::string> ScanAll(absl::string_view more) {
    std::set<std::string> keys;
    std::string start;
    while (true) {
      const auto page = Parse(
          Call("Scan", absl::StrCat("table_name: 'plain' ", more, start)));
      EXPECT_EQ(page.count(), page.items_size());
      for (const v1::Item& item : page.items()) {
        EXPECT_TRUE(keys.insert(item.attributes().at("pk").s()).second);
      }
      if (!page.has_last_evaluated_key()) return keys;
      start = absl::StrCat(" exclusive_start_key {",
                           page.last_evaluated_key().ShortDebugString(), "}");
    }
  }
};

TEST_F(ScanTest, Example) {
  Put("plain", Plain("a"));
  Put("pairs", Pair("not here", 1));
  EXPECT_EQ(Call("Scan", "table_name: 'plain'"),
            "items { attributes { key: \"pk\" value { s: \"a\" } } } count: 1 "
            "scanned_count: 1");
}

TEST_F(ScanTest, SeesEveryItemOnceWhateverThePageSize) {
  PutMany();
  for (const char* limit :
       {"", "limit: 1", "limit: 7", "limit: 59", "limit: 60", "limit: 61"}) {
    EXPECT_EQ(ScanAll(limit).size(), kItems) << limit;
  }
}

TEST_F(ScanTest, SegmentsDivideTheTableWithoutGapOrOverlap) {
  PutMany();
  for (int total : {1, 2, 3, 7, 1000, 1000000}) {
    std::set<std::string> all;
    size_t sum = 0;
    for (int segment = 0; segment < std::min(total, 7); ++segment) {
      const std::set<std::string> keys = ScanAll(absl::StrCat(
          "limit: 4 total_segments: ", total, " segment: ", segment));
      sum += keys.size();
      all.insert(keys.begin(), keys.end());
    }
    EXPECT_EQ(sum, all.size()) << total;
    if (total <= 7) {
      EXPECT_EQ(all.size(), kItems) << total;
    }
  }
}

TEST_F(ScanTest, TheLastOfManySegmentsReachesTheLastHash) {
  PutMany();
  size_t sum = 0;
  for (int segment = 0; segment < 101; ++segment) {
    sum +=
        ScanAll(absl::StrCat("total_segments: 101 segment: ", segment)).size();
  }
  EXPECT_EQ(sum, kItems);
}

TEST_F(ScanTest, StartKeysBelongToTheirSegment) {
  PutMany();
  int refused = 0;
  for (int segment = 0; segment < 2; ++segment) {
    const std::string answer = Call(
        "Scan",
        absl::StrCat("table_name: 'plain' total_segments: 2 segment: ", segment,
                     " exclusive_start_key {", Plain("item1"), "}"));
    if (!absl::StartsWith(answer, "VALIDATION")) continue;
    ++refused;
    EXPECT_EQ(answer,
              absl::StrCat(
                  "VALIDATION: The provided starting key is invalid: Invalid "
                  "ExclusiveStartKey. Please use ExclusiveStartKey with "
                  "correct Segment. TotalSegments: 2 Segment: ",
                  segment));
  }
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(Call("Scan", "table_name: 'plain' exclusive_start_key {" +
                             S("other", "x") + "}"),
            "VALIDATION: The provided starting key is invalid: The provided "
            "key element does not match the schema");
}

TEST_F(ScanTest, SegmentRulesAreDynamoDbs) {
  EXPECT_THAT(Call("Scan", "table_name: 'plain' segment: 0"),
              HasSubstr("The TotalSegments parameter is required"));
  EXPECT_THAT(Call("Scan", "table_name: 'plain' total_segments: 2"),
              HasSubstr("The Segment parameter is required"));
  EXPECT_THAT(Call("Scan", "table_name: 'plain' total_segments: 5 segment: 5"),
              HasSubstr("Segment: 5 is not less than TotalSegments: 5"));
  EXPECT_THAT(
      Call("Scan", "table_name: 'plain' total_segments: 1000001 segment: 0"),
      HasSubstr("less than or equal to 1000000"));
  EXPECT_EQ(Call("Scan", "table_name: 'plain' limit: 0 segment: -1"),
            "VALIDATION: 2 validation errors detected: Value '0' at 'limit' "
            "failed to satisfy constraint: Member must have value greater than "
            "or equal to 1; Value '-1' at 'segment' failed to satisfy "
            "constraint: Member must have value greater than or equal to 0");
}

TEST_F(ScanTest, CountTellsHowManyWithoutTheItems) {
  PutMany();
  EXPECT_EQ(Call("Scan", "table_name: 'plain' select: SELECT_COUNT"),
            "count: 60 scanned_count: 60");
}

TEST_F(ScanTest, CapacityIsOfThePageNotOfItsItems) {
  PutMany();  // 60 small items: one unit, eventual half of it
  EXPECT_THAT(Call("Scan",
                   "table_name: 'plain' select: SELECT_COUNT "
                   "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL"),
              HasSubstr("capacity_units: 0.5"));
}

TEST_F(ScanTest, MissingTablesAreNotFound) {
  EXPECT_EQ(Call("Scan", "table_name: 'nowhere'"),
            "RESOURCE_NOT_FOUND: Requested resource not found");
}

TEST_F(ScanTest, StreamsSendEveryItemOnceAndResume) {
  PutMany();
  std::set<std::string> keys;
  v1::StreamScanRequest token;
  for (int streams = 0; streams < 20; ++streams) {
    const std::vector<std::string> messages = Stream(
        "StreamScan", absl::StrCat("scan { table_name: 'plain' limit: 11 } ",
                                   token.ShortDebugString()));
    ASSERT_EQ(messages.size(), 1u);
    const auto page = Parse<v1::StreamScanResponse>(messages[0]);
    for (const v1::Item& item : page.items()) {
      EXPECT_TRUE(keys.insert(item.attributes().at("pk").s()).second);
    }
    if (!page.has_resume_token()) break;
    token.set_resume_token(page.resume_token());
  }
  EXPECT_EQ(keys.size(), kItems);
}

TEST_F(ScanTest, StreamsSendPageAfterPageOfOneMegabyte) {
  const std::string value(399990, 'x');
  for (int i = 0; i < 7; ++i) {
    Put("plain", Plain(absl::StrCat(i)) + S("v", value));
  }
  const std::vector<std::string> messages =
      Stream("StreamScan", "scan { table_name: 'plain' }");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(Parse<v1::StreamScanResponse>(messages[0]).items_size(), 3);
  EXPECT_EQ(Parse<v1::StreamScanResponse>(messages[1]).items_size(), 3);
  EXPECT_EQ(Parse<v1::StreamScanResponse>(messages[2]).items_size(), 1);
}

TEST_F(ScanTest, AStreamOfATableThatGoesEndsWithAnErrorNotEarly) {
  PutMany();
  auto source = Open("StreamScan", "scan { table_name: 'plain' limit: 30 }");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(Call("DeleteTable", "table_name: 'plain'"),
              StartsWith("table_description"));
  EXPECT_EQ((*source)->Next().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ScanTest, ATokenOfAnotherTableIsRefused) {
  PutMany();
  const auto page = Parse<v1::StreamScanResponse>(
      Stream("StreamScan", "scan { table_name: 'plain' limit: 5 }").front());
  v1::StreamScanRequest token;
  token.set_resume_token(page.resume_token());
  EXPECT_THAT(Stream("StreamScan", "scan { table_name: 'pairs' } " +
                                       token.ShortDebugString()),
              ElementsAre(StartsWith("VALIDATION")));
}

}  // namespace
}  // namespace pallet::service
