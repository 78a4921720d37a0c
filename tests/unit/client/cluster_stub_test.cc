// SPDX-License-Identifier: Apache-2.0
//
// Which node an attempt goes to. The nodes are functions, time is fake.
#include "client/cluster_stub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "model/errors.h"
#include "pallet/v1/cluster_service.pb.h"
#include "tests/unit/client/fake_stub.h"

namespace pallet {
namespace {

using model::MakeError;
using model::Reason;
using ::testing::ElementsAre;
using testing::FakeClock;

constexpr Method kPut = {"/pallet.v1.ItemService/PutItem", Repeat::kOnce, 0};

// Nodes "a", "b" and "c", what they know of each other, and who is there.
struct World {
  FakeClock clock;
  std::string leader;  // empty: none is known
  bool has_topology = true;
  uint64_t version = 1;
  std::map<std::string, Failure> down;  // how attempts fail there
  std::vector<std::string> puts;        // where they arrived
  std::vector<std::string> looks;
  std::deque<absl::AnyInvocable<void(bool)>> timers;
  int shut_down = 0;

  void RunTimers() {
    auto due = std::move(timers);
    timers.clear();
    for (auto& timer : due) timer(true);
  }

  std::string Topology(absl::string_view encoded) const {
    v1::GetTopologyRequest request;
    EXPECT_TRUE(request.ParseFromString(std::string(encoded)));
    v1::GetTopologyResponse response;
    if (request.has_known_map_version() &&
        request.known_map_version() == version) {
      return response.SerializeAsString();
    }
    v1::Topology& topology = *response.mutable_topology();
    topology.set_map_version(version);
    for (const char* name : {"a", "b", "c"}) {
      v1::Node& node = *topology.add_nodes();
      node.set_node_id(std::string("id-") + name);
      node.set_grpc_address(name);
      node.set_alive(true);
    }
    v1::Partition& partition = *topology.add_tables()->add_partitions();
    if (!leader.empty()) partition.set_leader_node_id("id-" + leader);
    return response.SerializeAsString();
  }
};

class NodeStub final : public Stub {
 public:
  NodeStub(World* world, std::string address)
      : world_(*world), address_(std::move(address)) {}

  void Call(const Method& method, absl::string_view request, absl::Duration,
            Done done) override {
    const bool is_look = method.pipeline_field == 0 &&
                         std::string(method.path).ends_with("GetTopology");
    (is_look ? world_.looks : world_.puts).push_back(address_);
    const auto down = world_.down.find(address_);
    if (down != world_.down.end()) return done({.failure = down->second});
    if (!is_look) return done({});
    if (!world_.has_topology) {
      return done({.failure = {.status = MakeError(Reason::kNotBuilt, "no")}});
    }
    const std::string response = world_.Topology(request);
    done({.failure = {}, .response = response});
  }
  std::shared_ptr<StubStream> Stream(const Method&, absl::string_view,
                                     absl::Duration) override {
    return nullptr;
  }
  void After(absl::Duration, absl::AnyInvocable<void(bool)> done) override {
    world_.timers.push_back(std::move(done));
  }
  void Shutdown() override { ++world_.shut_down; }

 private:
  World& world_;
  const std::string address_;
};

class ClusterStubTest : public ::testing::Test {
 protected:
  std::unique_ptr<Stub> Make(std::vector<std::string> addresses) {
    return MakeClusterStub(
        std::move(addresses),
        [this](const std::string& address) {
          return std::make_unique<NodeStub>(&world_, address);
        },
        &world_.clock);
  }
  static Failure NotThere() {
    return {.status = absl::UnavailableError("refused"), .not_sent = true};
  }
  Failure Put(Stub& stub) {
    Failure failure;
    stub.Call(kPut, "", absl::Seconds(1),
              [&](const Attempt& attempt) { failure = attempt.failure; });
    return failure;
  }

  World world_;
};

TEST_F(ClusterStubTest, GoesToTheLeader) {
  world_.leader = "c";
  const auto stub = Make({"a", "b"});
  EXPECT_THAT(world_.looks, ElementsAre("a"));
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("c"));
}

TEST_F(ClusterStubTest, FollowsTheLeaderWithinASecond) {
  world_.leader = "a";
  const auto stub = Make({"a", "b"});
  world_.leader = "b";
  ++world_.version;
  EXPECT_TRUE(Put(*stub).status.ok());
  world_.RunTimers();
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("a", "b"));
}

TEST_F(ClusterStubTest, TheNextAttemptGoesElsewhereWhenANodeIsGone) {
  const auto stub = Make({"a", "b"});
  world_.down["a"] = NotThere();
  EXPECT_FALSE(Put(*stub).status.ok());
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("a", "b"));
}

TEST_F(ClusterStubTest, SoItDoesWhenANodeIsGoing) {
  const auto stub = Make({"a", "b"});
  world_.down["a"] = {.status = MakeError(Reason::kShuttingDown, "going")};
  EXPECT_FALSE(Put(*stub).status.ok());
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("a", "b"));
}

TEST_F(ClusterStubTest, AnAnswerOfTheServiceMovesNothing) {
  const auto stub = Make({"a", "b"});
  world_.down["a"] = {.status = MakeError(Reason::kThrottling, "slow down")};
  EXPECT_FALSE(Put(*stub).status.ok());
  EXPECT_FALSE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("a", "a"));
}

TEST_F(ClusterStubTest, ALeaderThatCannotBeReachedIsPassedOver) {
  world_.leader = "c";
  world_.down["c"] = NotThere();
  const auto stub = Make({"a", "b"});
  EXPECT_FALSE(Put(*stub).status.ok());
  EXPECT_TRUE(Put(*stub).status.ok());
  world_.RunTimers();
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_EQ(world_.puts.front(), "c");
  EXPECT_EQ(std::count(world_.puts.begin(), world_.puts.end(), "c"), 1);
  // Later it is tried again.
  world_.down.clear();
  world_.clock.Advance(absl::Seconds(4));
  world_.RunTimers();
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_EQ(world_.puts.back(), "c");
}

TEST_F(ClusterStubTest, NodesThatTheTopologyNamesAreTriedToo) {
  const auto stub = Make({"a", "b"});
  world_.down["a"] = world_.down["b"] = NotThere();
  EXPECT_FALSE(Put(*stub).status.ok());
  for (int i = 0; i < 2 && !Put(*stub).status.ok(); ++i) {
  }
  EXPECT_EQ(world_.puts.back(), "c");
}

TEST_F(ClusterStubTest, WithAllGoneItGoesOnTrying) {
  const auto stub = Make({"a", "b"});
  world_.down["a"] = world_.down["b"] = world_.down["c"] = NotThere();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Put(*stub).status.ok());
  world_.down.erase("b");
  for (int i = 0; i < 5 && !Put(*stub).status.ok(); ++i) world_.RunTimers();
  EXPECT_EQ(world_.puts.back(), "b");
}

TEST_F(ClusterStubTest, AServiceWithoutTopologyIsUsedAsItIs) {
  world_.has_topology = false;
  const auto stub = Make({"a", "b"});
  EXPECT_TRUE(Put(*stub).status.ok());
  world_.RunTimers();
  EXPECT_TRUE(Put(*stub).status.ok());
  EXPECT_THAT(world_.puts, ElementsAre("a", "a"));
}

TEST_F(ClusterStubTest, AfterShutdownNothingGoesOut) {
  world_.leader = "b";
  const auto stub = Make({"a", "b"});
  EXPECT_TRUE(Put(*stub).status.ok());
  stub->Shutdown();
  EXPECT_EQ(world_.shut_down, 2);
  EXPECT_EQ(model::ReasonOf(Put(*stub).status), Reason::kCancelled);
  world_.RunTimers();
  EXPECT_EQ(world_.puts.size(), 1u);
  EXPECT_EQ(world_.looks.size(), 1u);
}

TEST(AddressesInTest, CommasSeparateNodes) {
  EXPECT_THAT(AddressesIn("a:1"), ElementsAre("a:1"));
  EXPECT_THAT(AddressesIn(" a:1, b:2 ,"), ElementsAre("a:1", "b:2"));
  EXPECT_THAT(AddressesIn("ipv4:1.2.3.4:1,5.6.7.8:1"),
              ElementsAre("ipv4:1.2.3.4:1,5.6.7.8:1"));
  EXPECT_TRUE(AddressesIn(",").empty());
}

}  // namespace
}  // namespace pallet
