// SPDX-License-Identifier: Apache-2.0
//
// Strong reads of a global index are linearizable: what concurrent clients were
// answered to puts, updates, deletes, reads of the table and strong queries of
// its index is explained, for each item, by operations that happened one after
// the other; kill -9 in the middle of it included.
//
// Each round has items of its own: what a kill left unanswered may happen late,
// and the search is short only while there are few of those.
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/random.h"
#include "base/thread.h"
#include "client/client.h"
#include "gtest/gtest.h"
#include "model/errors.h"
#include "tests/testing/linearizability.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::testing {
namespace {

constexpr int kClients = 8;
constexpr int kItems = 5;
constexpr int kGroups = 3;
constexpr int kOperations = 3000;  // of a round

using State = std::optional<std::string>;

// The state of an item: "group/version", or nothing.
std::string StateOf(const Item& item) {
  return absl::StrCat(*item.at("group").AsString(), "/",
                      item.at("version").AsNumber()->text());
}

std::string GroupOf(const std::string& state) {
  return state.substr(0, state.find('/'));
}

class IndexLinearizabilityTest : public ::testing::Test {
 protected:
  IndexLinearizabilityTest() {
    auto cluster =
        MiniCluster::Start({.kind = NodeKind::kProcess,
                            .data_dir = directory_.path(),
                            .flags = {"--store-map-size=1GiB", "--stores=2",
                                      "--store-memtable-bytes=64KiB"}});
    CHECK(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    Connect();
    const auto table = client_->CreateTable(
        {.table = "things",
         .key = {.partition = {.name = "id"}},
         .global_indexes = {{.name = "by-group",
                             .partition = {{"group"}},
                             .sort = {{"version", ScalarType::kNumber}}}}});
    CHECK(table.ok()) << table.status();
  }

  void Connect() {
    auto client = Client::Connect({.address = cluster_->grpc_address(),
                                   .timeout = absl::Seconds(60),
                                   .retry = {.max_attempts = 1}});
    CHECK(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  std::string IdOf(int item) const { return absl::StrCat(round_, "-", item); }
  std::string GroupName(int group) const {
    return absl::StrCat(round_, "g", group);
  }

  // Until the round's operations are made, or the node is gone.
  void Work(uint64_t seed, int until) {
    Random random(seed);
    while (!gone_) {
      const int number = made_++;
      if (number == kill_at_) cluster_->Kill();  // with the others under way
      if (number >= until) break;
      const int item = static_cast<int>(random.Below(kItems));
      switch (random.Below(8)) {
        case 0:
        case 1:
          Put(item, static_cast<int>(random.Below(kGroups)));
          break;
        case 2:
          Update(item);
          break;
        case 3:
          Delete(item);
          break;
        case 4:
          Get(item);
          break;
        default:
          QueryGroup(static_cast<int>(random.Below(kGroups)));
      }
    }
  }

  // What a write did, was refused for, or may have done.
  void Record(int item, int64_t call, const absl::Status& status,
              const std::string& text, HistoryOperation::Step step) {
    if (status.ok()) {
      histories_[item].Answer(call, text, std::move(step));
      return;
    }
    gone_ = true;
    histories_[item].Lost(call, text, std::move(step));
  }

  void Put(int item, int group) {
    const int version = ++versions_;
    const std::string state = absl::StrCat(GroupName(group), "/", version);
    const int64_t call = histories_[item].Call();
    const auto put = client_->PutItem({.table = "things",
                                       .item = {{"id", IdOf(item)},
                                                {"group", GroupName(group)},
                                                {"version", version}}});
    Record(item, call, put.status(), "put " + state,
           [state](const std::string&) { return State(state); });
  }

  void Delete(int item) {
    const int64_t call = histories_[item].Call();
    const auto deleted =
        client_->DeleteItem({.table = "things", .key = {{"id", IdOf(item)}}});
    Record(item, call, deleted.status(), "delete",
           [](const std::string&) { return State(""); });
  }

  // Of an item that is there, within its group.
  void Update(int item) {
    const std::string version = absl::StrCat(++versions_);
    const int64_t call = histories_[item].Call();
    const auto updated =
        client_->UpdateItem({.table = "things",
                             .key = {{"id", IdOf(item)}},
                             .update = "SET version = :v",
                             .condition = "attribute_exists(id)",
                             .values = {{":v", *Number::Parse(version)}}});
    if (!updated.ok() && model::ReasonOf(updated.status()) ==
                             model::Reason::kConditionalCheckFailed) {
      histories_[item].Answer(call, "update of nothing",
                              [](const std::string& state) {
                                return state.empty() ? State("") : std::nullopt;
                              });
      return;
    }
    const bool answered = updated.ok();
    Record(item, call, updated.status(), "update to " + version,
           [version, answered](const std::string& state) {
             if (!state.empty()) {
               return State(absl::StrCat(GroupOf(state), "/", version));
             }
             return answered ? std::nullopt : State("");
           });
  }

  void Get(int item) {
    const int64_t call = histories_[item].Call();
    const auto found = client_->GetItem({.table = "things",
                                         .key = {{"id", IdOf(item)}},
                                         .consistent_read = true});
    if (!found.ok()) {
      gone_ = true;
      return;
    }
    const std::string seen =
        found->item.has_value() ? StateOf(*found->item) : "";
    histories_[item].Answer(
        call, "get " + seen, [seen](const std::string& state) {
          return state == seen ? State(state) : std::nullopt;
        });
  }

  // One read of each item: it is in the group, as it was seen, or it is not.
  void QueryGroup(int group) {
    const std::string name = GroupName(group);
    std::array<int64_t, kItems> calls;
    for (int item = 0; item < kItems; ++item) {
      calls[item] = histories_[item].Call();
    }
    const auto page = client_->Query({.table = "things",
                                      .index = "by-group",
                                      .key_condition = "#g = :g",
                                      .names = {{"#g", "group"}},
                                      .values = {{":g", name}},
                                      .freshness = {.strong = strong_}});
    if (!page.ok()) {
      gone_ = true;
      return;
    }
    std::array<std::string, kItems> seen;
    for (const Item& found : page->items) {
      const std::vector<std::string> id =
          absl::StrSplit(*found.at("id").AsString(), '-');
      std::string& state = seen[std::stoi(id[1])];
      if (!state.empty()) ++doubles_;
      state = StateOf(found);
    }
    for (int item = 0; item < kItems; ++item) {
      histories_[item].Answer(
          calls[item], absl::StrCat("query ", name, ": ", seen[item]),
          [name, state_seen = seen[item]](const std::string& state) {
            const bool fits = state_seen.empty() ? GroupOf(state) != name
                                                 : state == state_seen;
            return fits ? State(state) : std::nullopt;
          });
    }
  }

  void WorkTogether(Random& random, int until) {
    std::vector<Thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back(
          "client", [this, until, seed = random.Next()] { Work(seed, until); });
    }
    clients.clear();
  }

  // Half of the operations, a kill, and the rest.
  void RunRound(Random& random) {
    made_ = 0;
    kill_at_ =
        static_cast<int>(random.Between(kOperations / 4, 3 * kOperations / 4));
    WorkTogether(random, kOperations);
    ASSERT_TRUE(gone_);
    kill_at_ = -1;
    const absl::Status restarted = cluster_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    gone_ = false;
    Connect();
    WorkTogether(random, kOperations);
    ASSERT_FALSE(gone_);
    for (int group = 0; group < kGroups; ++group) QueryGroup(group);
    for (int item = 0; item < kItems; ++item) {
      ASSERT_EQ(FindViolation("", histories_[item].Take()), "")
          << "item " << IdOf(item);
    }
    EXPECT_EQ(doubles_, 0);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
  bool strong_ = true;
  int round_ = 0;
  int kill_at_ = -1;
  std::array<History, kItems> histories_;
  std::atomic<int> made_ = 0;
  std::atomic<int> versions_ = 0;
  std::atomic<int> doubles_ = 0;
  std::atomic<bool> gone_ = false;
};

TEST_F(IndexLinearizabilityTest, StrongReadsAreExplainedOverKills) {
  Random random(TestSeed());
  const int rounds = TestRounds(1);
  for (; round_ < rounds; ++round_) {
    RunRound(random);
    if (HasFailure()) return;
  }
  std::printf("%d operations, %d kills: linearizable\n", rounds * kOperations,
              rounds);
}

// The test is worth something only if reads that are not strong fail it.
TEST_F(IndexLinearizabilityTest, ReadsThatDoNotWaitAreFound) {
  Random random(TestSeed());
  strong_ = false;
  WorkTogether(random, kOperations);
  int violations = 0;
  for (int item = 0; item < kItems; ++item) {
    if (!FindViolation("", histories_[item].Take()).empty()) ++violations;
  }
  EXPECT_GT(violations, 0);
}

}  // namespace
}  // namespace pallet::testing
