// SPDX-License-Identifier: Apache-2.0
//
// CacheAside over a node and over a real redis-server: what others write, what
// processes share, and a Redis that stops answering.
#include "client/cache_aside.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "client/redis/redis_cache.h"
#include "model/errors.h"
#include "tests/testing/manual_clock.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/temporary_directory.h"

extern char** environ;

namespace pallet {
namespace {

using Kind = CacheStore::Found::Kind;
using testing::MiniCluster;
using testing::MiniClusterOptions;
using testing::NodeKind;

// Until `holds`, or for as long as a busy machine may take.
template <typename Condition>
bool Eventually(Condition holds) {
  const absl::Duration end = Clock::Real()->Monotonic() + absl::Seconds(30);
  while (!holds()) {
    if (Clock::Real()->Monotonic() > end) return false;
    sched_yield();
  }
  return true;
}

// A redis-server on a socket of its own, without a disk.
class RedisServer {
 public:
  explicit RedisServer(const std::string& directory)
      : socket_(directory + "/redis.sock") {
    std::vector<std::string> words = {
        "redis-server", "--port", "0",       "--unixsocket",
        socket_,        "--save", "",        "--appendonly",
        "no",           "--dir",  directory, "--loglevel",
        "warning"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    CHECK_EQ(posix_spawnp(&pid_, "redis-server", nullptr, nullptr,
                          arguments.data(), environ),
             0);
    // Time to begin; never paused by a test.
    const auto store = *MakeRedisCache(
        {.address = address(), .retry_after = absl::ZeroDuration()});
    CHECK(Eventually(
        [&] { return store->Lookup("is it there?").kind != Kind::kBusy; }));
    store->Invalidate("is it there?");
  }
  ~RedisServer() {
    kill(pid_, SIGCONT);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  std::string address() const { return "unix:" + socket_; }
  void Pause() { kill(pid_, SIGSTOP); }
  void Resume() { kill(pid_, SIGCONT); }

 private:
  const std::string socket_;
  pid_t pid_ = 0;
};

class CacheAsideTest : public ::testing::Test {
 protected:
  CacheAsideTest() {
    MiniClusterOptions options;
    options.kind = NodeKind::kInProcess;
    options.data_dir = directory_.path() + "/data";
    auto cluster = MiniCluster::Start(options);
    CHECK_OK(cluster.status());
    cluster_ = *std::move(cluster);
    client_.emplace(*Client::Connect({.address = cluster_->grpc_address()}));
    Make("things", StreamView::kKeysOnly);
  }

  void Make(const std::string& table, StreamView stream) {
    CHECK_OK(client_
                 ->CreateTable({.table = table,
                                .key = {.partition = {"id"}},
                                .stream = stream})
                 .status());
  }

  std::shared_ptr<CacheStore> Redis(Clock* clock = Clock::Real()) {
    if (redis_ == nullptr) {
      redis_ = std::make_unique<RedisServer>(directory_.path());
    }
    // A busy machine must not look like a server that is gone.
    return *MakeRedisCache({.address = redis_->address(),
                            .timeout = redis_timeout_,
                            .clock = clock});
  }

  std::unique_ptr<CacheAside> Open(std::shared_ptr<CacheStore> store,
                                   bool watch = false) {
    auto cache = CacheAside::Create(*client_, std::move(store),
                                    {.table = "things", .watch = watch});
    CHECK_OK(cache.status());
    return *std::move(cache);
  }

  static int NumberOf(CacheAside& cache, const std::string& id) {
    const auto item = cache.Get({{"id", id}});
    EXPECT_TRUE(item.ok()) << item.status();
    if (!item.ok() || !item->has_value()) return -1;
    return static_cast<int>(*(*item)->at("n").AsNumber()->ToInt64());
  }

  // Past all caches.
  void Change(const std::string& id, int n) {
    CHECK_OK(
        client_->PutItem({.table = "things", .item = {{"id", id}, {"n", n}}})
            .status());
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
  std::optional<Client> client_;
  std::unique_ptr<RedisServer> redis_;
  absl::Duration redis_timeout_ = absl::Seconds(10);
};

TEST_F(CacheAsideTest, WhatOthersWriteIsHeard) {
  const auto cache = Open(MakeInProcessCache(), true);
  Change("a", 1);
  ASSERT_TRUE(Eventually([&] { return cache->stats().watched == 1; }));
  for (int n = 2; n < 20; ++n) {
    EXPECT_EQ(NumberOf(*cache, "a"), n - 1);
    EXPECT_EQ(NumberOf(*cache, "a"), n - 1);
    Change("a", n);
    ASSERT_TRUE(Eventually([&] { return NumberOf(*cache, "a") == n; }));
  }
  EXPECT_GT(cache->stats().hits, 0u);
}

TEST_F(CacheAsideTest, AWatchNeedsAStream) {
  Make("plain", StreamView::kNone);
  const auto refused =
      CacheAside::Create(*client_, MakeInProcessCache(), {.table = "plain"});
  EXPECT_EQ(model::ReasonOf(refused.status()), model::Reason::kResourceNotFound)
      << refused.status();
  EXPECT_TRUE(CacheAside::Create(*client_, MakeInProcessCache(),
                                 {.table = "plain", .watch = false})
                  .ok());
  EXPECT_EQ(model::ReasonOf(CacheAside::Create(*client_, MakeInProcessCache(),
                                               {.table = "none"})
                                .status()),
            model::Reason::kResourceNotFound);
}

TEST_F(CacheAsideTest, ProcessesShareARedis) {
  const auto one = Open(Redis()), other = Open(Redis());
  Change("a", 1);
  EXPECT_EQ(NumberOf(*one, "a"), 1);
  EXPECT_EQ(NumberOf(*other, "a"), 1);
  EXPECT_EQ(other->stats().hits, 1u);
  EXPECT_EQ(other->stats().misses, 0u);
  ASSERT_TRUE(one->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
  EXPECT_EQ(NumberOf(*other, "a"), 2);
}

TEST_F(CacheAsideTest, RedisKeepsTheRulesOfLeases) {
  const auto store = Redis(), other = Redis();
  const CacheStore::Found first = store->Lookup("k");
  ASSERT_EQ(first.kind, Kind::kLeased);
  EXPECT_EQ(other->Lookup("k").kind, Kind::kBusy);
  EXPECT_FALSE(other->Fill("k", "none", "v", absl::Minutes(1)));
  store->Release("k", first.lease);
  const CacheStore::Found second = other->Lookup("k");
  ASSERT_EQ(second.kind, Kind::kLeased);
  store->Invalidate("k");
  EXPECT_FALSE(other->Fill("k", second.lease, "old", absl::Minutes(1)));
  const CacheStore::Found third = other->Lookup("k");
  const std::string bytes("\0V L\n\r", 6);
  EXPECT_TRUE(other->Fill("k", third.lease, bytes, absl::Minutes(1)));
  EXPECT_EQ(store->Lookup("k").value, bytes);
  EXPECT_EQ(store->errors() + other->errors(), 0u);
}

TEST_F(CacheAsideTest, ClearForgetsThePrefixAndNothingElse) {
  const auto store = Redis();
  const auto others =
      *MakeRedisCache({.address = redis_->address(), .prefix = "pallet*"});
  for (const auto& each : {store, others}) {
    for (int i = 0; i < 3000; ++i) {
      const std::string key = absl::StrCat(i);
      const CacheStore::Found found = each->Lookup(key);
      ASSERT_TRUE(each->Fill(key, found.lease, "v", absl::Minutes(1)));
    }
  }
  store->Clear();
  for (int i = 0; i < 3000; ++i) {
    EXPECT_EQ(store->Lookup(absl::StrCat(i)).kind, Kind::kLeased);
    EXPECT_EQ(others->Lookup(absl::StrCat(i)).kind, Kind::kHit);
  }
}

// While Redis does not answer, reads go to the table; what was written meanwhile
// is deleted before Redis is looked into again.
TEST_F(CacheAsideTest, ARedisThatStopsAnsweringIsLeftAlone) {
  testing::ManualClock clock;
  Open(Redis());  // it is there
  redis_timeout_ = absl::Milliseconds(20);
  const auto cache = Open(Redis(&clock));
  Change("a", 1);
  ASSERT_TRUE(Eventually([&] {
    clock.Advance(absl::Seconds(1));
    NumberOf(*cache, "a");
    return cache->stats().hits > 0;
  }));
  redis_->Pause();
  const uint64_t errors = cache->stats().store_errors;
  ASSERT_TRUE(cache->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
  EXPECT_EQ(cache->stats().store_errors, errors + 1);
  const uint64_t misses = cache->stats().misses;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(NumberOf(*cache, "a"), 2);
  EXPECT_EQ(cache->stats().misses, misses + 100);
  EXPECT_EQ(cache->stats().store_errors, errors + 1);  // it was not asked again
  redis_->Resume();
  const uint64_t hits = cache->stats().hits;
  ASSERT_TRUE(Eventually([&] {
    clock.Advance(absl::Seconds(1));
    EXPECT_EQ(NumberOf(*cache, "a"), 2);
    return cache->stats().hits > hits;
  }));
}

TEST_F(CacheAsideTest, OwnWritesAreNeverMissedOverRedis) {
  const std::unique_ptr<CacheAside> caches[] = {Open(Redis()), Open(Redis())};
  std::atomic<uint64_t> stale{0};
  std::vector<Thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back("worker", [&, worker] {
      CacheAside& cache = *caches[worker % 2];
      Random random(worker);
      // Each writes keys of its own; all read all.
      for (int n = 1; n <= 300; ++n) {
        const std::string id = absl::StrCat("w", worker);
        EXPECT_TRUE(cache.Put({.item = {{"id", id}, {"n", n}}}).ok());
        NumberOf(cache, absl::StrCat("w", random.Below(4)));
        if (NumberOf(cache, id) != n) ++stale;
      }
    });
  }
  workers.clear();
  EXPECT_EQ(stale, 0u);
  EXPECT_EQ(caches[0]->stats().store_errors, 0u);
}

TEST(RedisCacheTest, SaysWhatIsNoAddress) {
  for (const char* address :
       {"", "localhost", ":1", "h:0", "h:65536", "h:x", "unix:"}) {
    EXPECT_EQ(model::ReasonOf(MakeRedisCache({.address = address}).status()),
              model::Reason::kValidation)
        << address;
  }
}

// Nobody listens there: each read is of the table.
TEST(RedisCacheTest, AServerThatIsNotThereIsNoError) {
  const auto store = *MakeRedisCache({.address = "unix:/nonexistent/redis"});
  EXPECT_EQ(store->Lookup("k").kind, Kind::kBusy);
  EXPECT_FALSE(store->Fill("k", "lease", "v", absl::Minutes(1)));
  store->Invalidate("k");
  EXPECT_GT(store->errors(), 0u);
}

}  // namespace
}  // namespace pallet
