// SPDX-License-Identifier: Apache-2.0
//
// What stream_worker and stream_kill9_test agree on: writers that note in a
// journal what they do, and a consumer that takes shards by leases and keeps its
// place in the file of what it has read.
//
//   journal:   B <key> <value>   it begins: the key gets that value, "-" is none
//              D <key> <value>   done
//   consumed:  <shard> <seq> <key> <old value> <new value>
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/random.h"
#include "pallet/v1/change_service.pb.h"
#include "pallet/v1/item.pb.h"
#include "tests/fault/transaction_node.h"

namespace pallet::testing {

inline constexpr char kStreamTable[] = "log";
inline constexpr int kWriters = 4;
inline constexpr int kConsumers = 2;
inline constexpr int kKeysOfWriter = 5;

// One write, so that a kill leaves whole lines.
inline void AppendLine(int file, const std::string& line) {
  const std::string whole = line + "\n";
  CHECK(write(file, whole.data(), whole.size()) ==
        static_cast<ssize_t>(whole.size()));
}

inline int OpenToAppend(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  CHECK(file >= 0) << path;
  return file;
}

inline void SetStream(TransactionNode& node, bool enabled) {
  v1::UpdateTableRequest request;
  request.set_table_name(kStreamTable);
  request.mutable_stream_specification()->set_stream_enabled(enabled);
  if (enabled) {
    request.mutable_stream_specification()->set_stream_view_type(
        v1::STREAM_VIEW_TYPE_NEW_AND_OLD_IMAGES);
  }
  const auto set = node.Call<v1::UpdateTableResponse>("UpdateTable", request);
  CHECK(set.ok()) << set.status();
}

inline void MakeStreamTable(TransactionNode& node) {
  if (node.host().FindTable(kStreamTable) != nullptr) return;
  v1::CreateTableRequest request;
  request.set_table_name(kStreamTable);
  request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
  auto* attribute = request.add_attribute_definitions();
  attribute->set_attribute_name("pk");
  attribute->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
  auto* key = request.add_key_schema();
  key->set_attribute_name("pk");
  key->set_key_type(v1::KEY_TYPE_HASH);
  auto* stream = request.mutable_stream_specification();
  stream->set_stream_enabled(true);
  stream->set_stream_view_type(v1::STREAM_VIEW_TYPE_NEW_AND_OLD_IMAGES);
  const auto made = node.Call<v1::CreateTableResponse>("CreateTable", request);
  CHECK(made.ok()) << made.status();
}

// Writes to keys of its own, alone and in transactions.
class StreamWriter {
 public:
  StreamWriter(TransactionNode* node, int journal, int round, int number,
               uint64_t seed)
      : node_(node),
        journal_(journal),
        prefix_(absl::StrCat("r", round, "w", number, "k")),
        random_(seed) {}

  void Step() {
    std::map<std::string, std::string> writes;
    const uint64_t count = random_.OneIn(3) ? random_.Between(2, 4) : 1;
    while (writes.size() < count) {
      const std::string key =
          absl::StrCat(prefix_, random_.Below(kKeysOfWriter));
      const bool deletes = there_.contains(key) && random_.OneIn(4);
      writes[key] = deletes ? "-" : absl::StrCat("v", ++values_);
    }
    for (const auto& [key, value] : writes) {
      AppendLine(journal_, absl::StrCat("B ", key, " ", value));
    }
    const absl::Status written =
        writes.size() == 1 ? WriteAlone(*writes.begin()) : WriteAll(writes);
    CHECK(written.ok()) << written;
    for (const auto& [key, value] : writes) {
      AppendLine(journal_, absl::StrCat("D ", key, " ", value));
      if (value == "-") {
        there_.erase(key);
      } else {
        there_.insert(key);
      }
    }
  }

 private:
  template <typename Request>
  static void SetItem(const std::string& key, const std::string& value,
                      Request* request) {
    request->set_table_name(kStreamTable);
    auto& attributes = *request->mutable_item()->mutable_attributes();
    attributes["pk"].set_s(key);
    attributes["v"].set_s(value);
  }
  template <typename Request>
  static void SetKey(const std::string& key, Request* request) {
    request->set_table_name(kStreamTable);
    (*request->mutable_key()->mutable_attributes())["pk"].set_s(key);
  }

  absl::Status WriteAlone(const std::pair<std::string, std::string>& write) {
    if (write.second == "-") {
      v1::DeleteItemRequest request;
      SetKey(write.first, &request);
      return node_->Call<v1::DeleteItemResponse>("DeleteItem", request)
          .status();
    }
    v1::PutItemRequest request;
    SetItem(write.first, write.second, &request);
    return node_->Call<v1::PutItemResponse>("PutItem", request).status();
  }

  absl::Status WriteAll(const std::map<std::string, std::string>& writes) {
    v1::TransactWriteItemsRequest request;
    for (const auto& [key, value] : writes) {
      auto* action = request.add_transact_items();
      if (value == "-") {
        SetKey(key, action->mutable_delete_());
      } else {
        SetItem(key, value, action->mutable_put());
      }
    }
    return node_
        ->Call<v1::TransactWriteItemsResponse>("TransactWriteItems", request)
        .status();
  }

  TransactionNode* const node_;
  const int journal_;
  const std::string prefix_;
  Random random_;
  std::set<std::string> there_;
  uint64_t values_ = 0;
};

// Who reads which shard, and how far each was read. Thread-safe.
class ShardLeases {
 public:
  // Goes on from what was consumed before.
  explicit ShardLeases(const std::string& path) {
    std::ifstream before(path);
    std::string shard, number, key, old_value, new_value;
    while (before >> shard >> number >> key >> old_value >> new_value) {
      checkpoints_[shard] = number;
    }
    file_ = OpenToAppend(path);
  }
  ~ShardLeases() { close(file_); }

  bool Take(const std::string& shard) {
    absl::MutexLock lock(&mutex_);
    return leased_.insert(shard).second;
  }
  void Release(const std::string& shard) {
    absl::MutexLock lock(&mutex_);
    leased_.erase(shard);
  }
  // Empty: it was never read.
  std::string CheckpointOf(const std::string& shard) {
    absl::MutexLock lock(&mutex_);
    const auto found = checkpoints_.find(shard);
    return found == checkpoints_.end() ? "" : found->second;
  }
  void Consume(const std::string& shard, const v1::StreamRecord& change) {
    const auto value = [](const v1::Item& item) -> std::string {
      const auto found = item.attributes().find("v");
      return found == item.attributes().end() ? "-" : found->second.s();
    };
    const std::string& number = change.sequence_number();
    CHECK(CheckpointOf(shard) < number) << shard << " " << number;
    AppendLine(file_, absl::StrCat(shard, " ", number, " ",
                                   change.keys().attributes().at("pk").s(), " ",
                                   value(change.old_image()), " ",
                                   value(change.new_image())));
    absl::MutexLock lock(&mutex_);
    checkpoints_[shard] = number;
  }

 private:
  int file_ = -1;
  absl::Mutex mutex_;
  std::set<std::string> leased_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> checkpoints_ ABSL_GUARDED_BY(mutex_);
};

// Reads what is in the shards that nobody else reads. Returns how many records.
inline int ConsumeOnce(TransactionNode& node, ShardLeases& leases) {
  v1::ListStreamsRequest list;
  list.set_table_name(kStreamTable);
  const auto streams = node.Call<v1::ListStreamsResponse>("ListStreams", list);
  CHECK(streams.ok()) << streams.status();
  int count = 0;
  for (const v1::Stream& stream : streams->streams()) {
    v1::DescribeStreamRequest describe;
    describe.set_stream_arn(stream.stream_arn());
    const auto described =
        node.Call<v1::DescribeStreamResponse>("DescribeStream", describe);
    CHECK(described.ok()) << described.status();
    for (const v1::Shard& shard : described->stream_description().shards()) {
      const std::string& id = shard.shard_id();
      if (!leases.Take(id)) continue;
      v1::GetShardIteratorRequest begin;
      begin.set_stream_arn(stream.stream_arn());
      begin.set_shard_id(id);
      begin.set_shard_iterator_type(v1::SHARD_ITERATOR_TYPE_TRIM_HORIZON);
      const std::string checkpoint = leases.CheckpointOf(id);
      if (!checkpoint.empty()) {
        begin.set_shard_iterator_type(
            v1::SHARD_ITERATOR_TYPE_AFTER_SEQUENCE_NUMBER);
        begin.set_sequence_number(checkpoint);
      }
      const auto iterator =
          node.Call<v1::GetShardIteratorResponse>("GetShardIterator", begin);
      CHECK(iterator.ok()) << iterator.status();
      v1::GetRecordsRequest get;
      get.set_shard_iterator(iterator->shard_iterator());
      get.set_limit(100);
      while (true) {
        const auto page = node.Call<v1::GetRecordsResponse>("GetRecords", get);
        CHECK(page.ok()) << page.status();
        for (const v1::Record& record : page->records()) {
          leases.Consume(id, record.dynamodb());
          ++count;
        }
        if (page->records().empty() || !page->has_next_shard_iterator()) break;
        get.set_shard_iterator(page->next_shard_iterator());
      }
      leases.Release(id);
    }
  }
  return count;
}

}  // namespace pallet::testing
