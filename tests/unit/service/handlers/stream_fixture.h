// SPDX-License-Identifier: Apache-2.0
//
// StreamTest: the table "log" (pk S) with a stream, and a reader of its shards.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/streams/stream_keeper.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

class StreamTest : public HandlerTest {
 protected:
  static constexpr char kBoth[] = "STREAM_VIEW_TYPE_NEW_AND_OLD_IMAGES";

  static std::string Spec(const std::string& view) {
    return absl::StrCat(
        " stream_specification { stream_enabled: true stream_view_type: ", view,
        " } ");
  }
  std::string CreateLog(const std::string& more = Spec(kBoth),
                        const std::string& name = "log") {
    return Call(
        "CreateTable",
        absl::StrCat("table_name: '", name,
                     "' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
                     "attribute_definitions { attribute_name: 'pk' "
                     "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } key_schema { "
                     "attribute_name: 'pk' key_type: KEY_TYPE_HASH } ",
                     more));
  }
  std::string Enable(const std::string& view = kBoth) {
    return Call("UpdateTable", absl::StrCat("table_name: 'log' ", Spec(view)));
  }
  std::string Disable() {
    return Call("UpdateTable",
                "table_name: 'log' stream_specification { stream_enabled: "
                "false }");
  }
  std::string DeleteLog() { return Call("DeleteTable", "table_name: 'log'"); }
  void PutLog(const std::string& pk, const std::string& value) {
    Put("log", Plain(pk) + S("v", value));
  }
  std::string DeleteLogItem(const std::string& pk) {
    return Call("DeleteItem",
                absl::StrCat("table_name: 'log' key {", Plain(pk), "}"));
  }

  template <typename Response>
  Response Ask(absl::string_view operation, absl::string_view request) {
    const std::string text = Call(operation, request);
    Response response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }

  // ARNs of the streams of tables of that name.
  std::vector<std::string> Arns(const std::string& table = "log") {
    std::vector<std::string> arns;
    const auto response = Ask<v1::ListStreamsResponse>(
        "ListStreams", absl::StrCat("table_name: '", table, "'"));
    for (const v1::Stream& each : response.streams()) {
      arns.push_back(each.stream_arn());
    }
    return arns;
  }
  v1::StreamDescription Describe(const std::string& arn,
                                 const std::string& more = "") {
    return Ask<v1::DescribeStreamResponse>(
               "DescribeStream", absl::StrCat("stream_arn: '", arn, "' ", more))
        .stream_description();
  }
  std::string Iterator(const std::string& arn, const std::string& shard,
                       const std::string& type,
                       const std::string& number = "") {
    const std::string text = CallIterator(arn, shard, type, number);
    v1::GetShardIteratorResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response.shard_iterator();
  }
  std::string CallIterator(const std::string& arn, const std::string& shard,
                           const std::string& type,
                           const std::string& number = "") {
    return Call(
        "GetShardIterator",
        absl::StrCat("stream_arn: '", arn, "' shard_id: '", shard,
                     "' shard_iterator_type: SHARD_ITERATOR_TYPE_", type, " ",
                     number.empty()
                         ? ""
                         : absl::StrCat("sequence_number: '", number, "'")));
  }
  std::string CallRecords(const std::string& iterator,
                          const std::string& more = "") {
    return Call("GetRecords",
                absl::StrCat("shard_iterator: '", iterator, "' ", more));
  }
  v1::GetRecordsResponse Records(const std::string& iterator,
                                 const std::string& more = "") {
    return Ask<v1::GetRecordsResponse>(
        "GetRecords", absl::StrCat("shard_iterator: '", iterator, "' ", more));
  }

  // All records of a stream from its beginning, in the order of their times.
  std::vector<v1::Record> All(const std::string& arn) {
    std::vector<v1::Record> all;
    const v1::StreamDescription stream = Describe(arn);
    for (const v1::Shard& shard : stream.shards()) {
      std::string iterator = Iterator(arn, shard.shard_id(), "TRIM_HORIZON");
      while (true) {
        const v1::GetRecordsResponse page = Records(iterator);
        for (const v1::Record& record : page.records()) all.push_back(record);
        if (page.records().empty() || !page.has_next_shard_iterator()) break;
        iterator = page.next_shard_iterator();
      }
    }
    std::stable_sort(
        all.begin(), all.end(), [](const v1::Record& a, const v1::Record& b) {
          const auto& x = a.dynamodb().approximate_creation_date_time();
          const auto& y = b.dynamodb().approximate_creation_date_time();
          return std::make_pair(x.seconds(), x.nanos()) <
                 std::make_pair(y.seconds(), y.nanos());
        });
    return all;
  }

  // "INSERT a: -> 1", with the value of "v" in the images.
  static std::string TextOf(const v1::Record& record) {
    const auto value = [](const v1::Item& item) -> std::string {
      const auto& attributes = item.attributes();
      const auto found = attributes.find("v");
      return found == attributes.end() ? "-" : found->second.s();
    };
    const v1::StreamRecord& change = record.dynamodb();
    return absl::StrCat(
        v1::OperationType_Name(record.event_name()).substr(15), " ",
        change.keys().attributes().at("pk").s(), ":",
        change.has_old_image() ? absl::StrCat(" ", value(change.old_image()))
                               : "",
        " ->",
        change.has_new_image() ? absl::StrCat(" ", value(change.new_image()))
                               : "");
  }
  std::vector<std::string> Texts(const std::string& arn) {
    std::vector<std::string> texts;
    for (const v1::Record& record : All(arn)) texts.push_back(TextOf(record));
    return texts;
  }

  // Time goes on, so that what follows is younger.
  void Tick() { clock_.Advance(absl::Seconds(1)); }

  StreamKeeper& keeper() {
    if (keeper_ == nullptr) {
      keeper_ = std::make_unique<StreamKeeper>(
          StreamKeeperOptions{host_.get(), &clock_, logger_.get()});
    }
    return *keeper_;
  }

 private:
  std::unique_ptr<StreamKeeper> keeper_;
};

}  // namespace pallet::service
