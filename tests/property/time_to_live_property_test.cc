// SPDX-License-Identifier: Apache-2.0
//
// Random writes to a table whose time to live begins, ends and changes its
// attribute, under a clock that goes when it is told to, with restarts between:
// after a round of the keeper just those items are gone that have expired, and the
// stores have an expiry for each item with a time and for no other.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/partition_host.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "model/expiry.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "service/expiry/expiry_keeper.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "storage/side_rows.h"
#include "storage/store.h"
#include "tests/testing/manual_clock.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {
namespace {

constexpr char kTable[] = "fleeting";

// Seconds in the attributes "t" and "u"; nullopt: something that is no time.
using Times = std::map<std::string, std::optional<int64_t>>;

class TimeToLivePropertyTest : public ::testing::Test {
 protected:
  TimeToLivePropertyTest() : random_(testing::TestSeed()) {
    logger_->set_level(LogLevel::kWarning);
    Open();
    v1::CreateTableRequest request;
    request.set_table_name(kTable);
    request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
    auto* definition = request.add_attribute_definitions();
    definition->set_attribute_name("pk");
    definition->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
    auto* key = request.add_key_schema();
    key->set_attribute_name("pk");
    key->set_key_type(v1::KEY_TYPE_HASH);
    Call<v1::CreateTableResponse>("CreateTable", request);
  }
  ~TimeToLivePropertyTest() override { Close(); }

  void Open() {
    read_pool_ = std::make_unique<Executor>(
        ExecutorOptions{.name = "read", .threads = 1, .queue_limit = 8});
    control_ = std::make_unique<Executor>(
        ExecutorOptions{.name = "control", .threads = 1, .queue_limit = 8});
    cluster::PartitionHostOptions options;
    options.data_directory = directory_.path() + "/data";
    options.open_store = storage::Store::Open;
    options.store_count = 2;
    options.store.map_size = uint64_t{1} << 28;
    options.store.segment_bytes = uint64_t{4} << 20;
    options.store.memtable_bytes = uint64_t{1} << 16;
    options.store.free_disk_reserve = uint64_t{1} << 20;
    options.clock = &clock_;
    options.logger = logger_.get();
    auto host = cluster::PartitionHost::Open(std::move(options));
    CHECK(host.ok()) << host.status();
    host_ = *std::move(host);
    operations_ = std::make_unique<OperationRegistry>();
    RegisterHandlers({.clock = &clock_,
                      .host = host_.get(),
                      .read_pool = read_pool_.get(),
                      .control = control_.get()},
                     operations_.get());
    keeper_ = std::make_unique<ExpiryKeeper>(
        ExpiryKeeperOptions{host_.get(), &clock_, logger_.get()});
  }

  void Close() {
    read_pool_->Shutdown();
    control_->Shutdown();
    keeper_.reset();
    operations_.reset();
    host_.reset();
  }

  template <typename Response>
  Response Call(const std::string& operation,
                const google::protobuf::Message& request) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*operations_->Find(operation))(request.SerializeAsString(), CallContext(),
                                    [&](absl::StatusOr<std::string> given) {
                                      answer = std::move(given);
                                      answered.Notify();
                                    });
    answered.WaitForNotification();
    CHECK(answer.ok()) << answer.status() << request.ShortDebugString();
    Response response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }

  std::string SomeKey() { return absl::StrCat("k", random_.Below(40)); }

  std::optional<int64_t> SomeTime() {
    const int64_t now = absl::ToUnixSeconds(clock_.Now());
    switch (random_.Below(8)) {
      case 0:
        return std::nullopt;
      case 1:  // too long ago, or just not
        return now - model::kExpirySecondsKept -
               static_cast<int64_t>(random_.Below(3));
      default:
        return now - 5 + static_cast<int64_t>(random_.Below(30));
    }
  }

  void Write() {
    const std::string pk = SomeKey();
    Times times;
    v1::PutItemRequest request;
    request.set_table_name(kTable);
    auto& attributes = *request.mutable_item()->mutable_attributes();
    attributes["pk"].set_s(pk);
    for (const char* name : {"t", "u"}) {
      if (random_.OneIn(4)) continue;
      times[name] = SomeTime();
      if (times[name].has_value()) {
        attributes[name].set_n(absl::StrCat(*times[name]));
      } else if (random_.OneIn(2)) {
        attributes[name].set_n("7.5");
      } else {
        attributes[name].set_s("7");
      }
    }
    Call<v1::PutItemResponse>("PutItem", request);
    model_[pk] = times;
  }

  void Update() {
    const std::string pk = SomeKey();
    v1::UpdateItemRequest request;
    request.set_table_name(kTable);
    (*request.mutable_key()->mutable_attributes())["pk"].set_s(pk);
    const std::optional<int64_t> time = SomeTime();
    if (time.has_value()) {
      request.set_update_expression("SET t = :t");
      (*request.mutable_expression_attribute_values())[":t"].set_n(
          absl::StrCat(*time));
      model_[pk]["t"] = time;
    } else {
      request.set_update_expression("REMOVE t");
      // What is not there is not made by that.
      if (model_.contains(pk)) model_[pk].erase("t");
    }
    Call<v1::UpdateItemResponse>("UpdateItem", request);
  }

  void Delete() {
    const std::string pk = SomeKey();
    v1::DeleteItemRequest request;
    request.set_table_name(kTable);
    (*request.mutable_key()->mutable_attributes())["pk"].set_s(pk);
    Call<v1::DeleteItemResponse>("DeleteItem", request);
    model_.erase(pk);
  }

  void Switch() {
    v1::UpdateTimeToLiveRequest request;
    request.set_table_name(kTable);
    auto* wanted = request.mutable_time_to_live_specification();
    wanted->set_enabled(attribute_.empty());
    wanted->set_attribute_name(!attribute_.empty() ? attribute_
                               : random_.OneIn(2)  ? "t"
                                                   : "u");
    Call<v1::UpdateTimeToLiveResponse>("UpdateTimeToLive", request);
    attribute_ = wanted->enabled() ? wanted->attribute_name() : "";
  }

  std::optional<int64_t> TimeOf(const Times& times) const {
    const auto found = times.find(attribute_);
    return found == times.end() ? std::nullopt : found->second;
  }

  // What was there before the time to live is taken in by the first round and
  // deleted by the second.
  void RunKeeper() {
    keeper_->RunOnce();
    keeper_->RunOnce();
    for (auto at = model_.begin(); at != model_.end();) {
      const std::optional<int64_t> time = TimeOf(at->second);
      if (time.has_value() && model::HasExpired(*time, clock_.Now())) {
        at = model_.erase(at);
      } else {
        ++at;
      }
    }
  }

  void Check() {
    RunKeeper();
    v1::ScanRequest request;
    request.set_table_name(kTable);
    std::set<std::string> found, expected;
    const auto page = Call<v1::ScanResponse>("Scan", request);
    for (const v1::Item& item : page.items()) {
      found.insert(item.attributes().at("pk").s());
    }
    std::multiset<uint64_t> times;
    for (const auto& [pk, each] : model_) {
      expected.insert(pk);
      const std::optional<int64_t> time = TimeOf(each);
      if (time.has_value()) times.insert(static_cast<uint64_t>(*time));
    }
    ASSERT_EQ(found, expected) << "by " << attribute_;
    ASSERT_EQ(ExpiriesInStores(), times) << "by " << attribute_;
  }

  std::multiset<uint64_t> ExpiriesInStores() {
    std::multiset<uint64_t> times;
    const cluster::TablePtr table = host_->FindTable(kTable);
    for (const auto& partition : table->partitions) {
      const storage::SideRange all = storage::AllExpiriesOf(partition.id);
      const absl::Status read = host_->Read(
          partition, [&](storage::ReadTransaction& rows) -> absl::Status {
            const auto cursor = rows.Cursor(all.begin, all.end);
            RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
            while (cursor->Valid()) {
              const std::string key(cursor->key());
              const size_t pass =
                  storage::ExpiryPassKey(partition.id, 0).size();
              if (key.size() > pass) {
                times.insert(storage::SecondsOfExpiryKey(key));
              }
              RETURN_IF_ERROR(cursor->Next());
            }
            return absl::OkStatus();
          });
      EXPECT_TRUE(read.ok()) << read;
    }
    return times;
  }

  testing::TemporaryDirectory directory_;
  testing::ManualClock clock_;
  Random random_;
  std::unique_ptr<Logger> logger_ = Logger::OnStandardError(LogFormat::kText);
  std::unique_ptr<Executor> read_pool_, control_;
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<OperationRegistry> operations_;
  std::unique_ptr<ExpiryKeeper> keeper_;
  std::map<std::string, Times> model_;
  std::string attribute_;  // empty: no time to live
};

TEST_F(TimeToLivePropertyTest, JustWhatHasExpiredIsGone) {
  const int steps = testing::TestRounds(1) * 1500;
  for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
    const uint64_t dice = random_.Below(100);
    if (dice < 50) {
      Write();
    } else if (dice < 65) {
      Update();
    } else if (dice < 75) {
      Delete();
    } else if (dice < 85) {
      clock_.Advance(absl::Milliseconds(random_.Below(8000)));
    } else if (dice < 88) {
      Switch();
    } else if (dice < 98) {
      Check();
    } else {
      Close();
      Open();
    }
  }
  if (!HasFatalFailure()) Check();
}

}  // namespace
}  // namespace pallet::service
