// SPDX-License-Identifier: Apache-2.0
#include "client/cache_aside.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/thread.h"
#include "client/mock_connection.h"
#include "model/errors.h"
#include "tests/testing/manual_clock.h"

namespace pallet {
namespace {

using model::MakeError;
using model::Reason;

// A table of one string key in memory.
class CacheAsideTest : public ::testing::Test {
 protected:
  CacheAsideTest() : mock_(std::make_shared<MockConnection>()) {
    mock_->On<DescribeTableRequest>([](const DescribeTableRequest& request)
                                        -> absl::StatusOr<TableDescription> {
      return TableDescription{.name = request.table,
                              .key = {.partition = {"id"}}};
    });
    mock_->On<GetItemRequest>([this](const GetItemRequest& request) {
      EXPECT_TRUE(request.consistent_read);
      absl::StatusOr<GetItemResponse> response = Find(request.key);
      if (const auto hook = TakeHook()) hook();
      return response;
    });
    mock_->On<PutItemRequest>([this](const PutItemRequest& request)
                                  -> absl::StatusOr<PutItemResponse> {
      EXPECT_EQ(request.table, "t");
      absl::MutexLock lock(&mutex_);
      items_[*request.item.at("id").AsString()] = request.item;
      if (!put_fails_.ok()) return put_fails_;
      return PutItemResponse();
    });
    mock_->On<DeleteItemRequest>([this](const DeleteItemRequest& request)
                                     -> absl::StatusOr<DeleteItemResponse> {
      absl::MutexLock lock(&mutex_);
      items_.erase(*request.key.at("id").AsString());
      return DeleteItemResponse();
    });
    mock_->On<UpdateItemRequest>([this](const UpdateItemRequest& request)
                                     -> absl::StatusOr<UpdateItemResponse> {
      absl::MutexLock lock(&mutex_);
      items_[*request.key.at("id").AsString()].Set("n",
                                                   request.values.at(":n"));
      return UpdateItemResponse();
    });
  }

  std::unique_ptr<CacheAside> Open(CacheAsideOptions options = {}) {
    options.table = "t";
    options.watch = false;
    options.jitter = 0;
    auto cache = CacheAside::Create(Client(mock_), store_, options);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }

  absl::StatusOr<GetItemResponse> Find(const Item& key) {
    absl::MutexLock lock(&mutex_);
    const auto found = items_.find(*key.at("id").AsString());
    if (found == items_.end()) return GetItemResponse();
    return GetItemResponse{.item = found->second};
  }

  // Runs once, when an item was read and nobody has it yet.
  void AfterRead(std::function<void()> hook) {
    absl::MutexLock lock(&mutex_);
    after_read_ = std::move(hook);
  }
  std::function<void()> TakeHook() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(after_read_, nullptr);
  }

  // By somebody else.
  void Change(const std::string& id, int n) {
    absl::MutexLock lock(&mutex_);
    items_[id] = {{"id", id}, {"n", n}};
  }

  static int NumberOf(CacheAside& cache, const std::string& id) {
    const auto item = cache.Get({{"id", id}});
    EXPECT_TRUE(item.ok()) << item.status();
    if (!item.ok() || !item->has_value()) return -1;
    return static_cast<int>(*(*item)->at("n").AsNumber()->ToInt64());
  }

  testing::ManualClock clock_;
  std::shared_ptr<MockConnection> mock_;
  std::shared_ptr<CacheStore> store_ =
      MakeInProcessCache({.max_bytes = 1 << 20, .clock = &clock_});
  std::function<void()> after_read_;
  absl::Status put_fails_;
  absl::Mutex mutex_;
  std::map<std::string, Item> items_;
};

TEST_F(CacheAsideTest, ReadsTheTableOnceUntilTheEntryExpires) {
  const auto cache = Open({.ttl = absl::Seconds(10)});
  Change("a", 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  EXPECT_EQ(mock_->Calls<GetItemRequest>(), 1u);
  Change("a", 2);
  clock_.Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(NumberOf(*cache, "a"), 2);
  EXPECT_EQ(cache->stats().hits, 2u);
  EXPECT_EQ(cache->stats().misses, 2u);
  EXPECT_EQ(cache->stats().fills, 2u);
}

TEST_F(CacheAsideTest, JitterTakesOffUpToItsShare) {
  CacheAsideOptions options = {
      .table = "t", .ttl = absl::Seconds(10), .jitter = 0.5, .watch = false};
  options.seed = 3;
  const auto cache = *CacheAside::Create(Client(mock_), store_, options);
  for (int i = 0; i < 100; ++i) {
    Change(std::to_string(i), i);
    NumberOf(*cache, std::to_string(i));
  }
  clock_.Advance(absl::Seconds(5) - absl::Nanoseconds(1));
  for (int i = 0; i < 100; ++i) NumberOf(*cache, std::to_string(i));
  EXPECT_EQ(cache->stats().hits, 100u);
  clock_.Advance(absl::Seconds(2.5));
  for (int i = 0; i < 100; ++i) NumberOf(*cache, std::to_string(i));
  EXPECT_GT(cache->stats().hits, 120u);
  EXPECT_LT(cache->stats().hits, 180u);
}

TEST_F(CacheAsideTest, AWriteIsSeenByTheNextRead) {
  const auto cache = Open();
  Change("a", 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  ASSERT_TRUE(cache->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
  EXPECT_EQ(NumberOf(*cache, "a"), 2);
  ASSERT_TRUE(cache
                  ->Update({.key = {{"id", "a"}},
                            .update = "SET n = :n",
                            .values = {{":n", 3}}})
                  .ok());
  EXPECT_EQ(NumberOf(*cache, "a"), 3);
  ASSERT_TRUE(cache->Delete({.key = {{"id", "a"}}}).ok());
  EXPECT_EQ(NumberOf(*cache, "a"), -1);
  EXPECT_EQ(cache->stats().invalidations, 3u);
}

TEST_F(CacheAsideTest, AWriteThatMayHaveHappenedIsSeenToo) {
  const auto cache = Open();
  Change("a", 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  put_fails_ = MakeError(Reason::kOutcomeUnknown, "lost");
  EXPECT_FALSE(cache->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
  EXPECT_EQ(NumberOf(*cache, "a"), 2);
}

// The race of every cache-aside: read the old, write, invalidate, fill the old.
TEST_F(CacheAsideTest, WhatWasReadBeforeAWriteIsNotFilledAfterIt) {
  const auto cache = Open();
  Change("a", 1);
  AfterRead([&] {
    ASSERT_TRUE(cache->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
  });
  EXPECT_EQ(NumberOf(*cache, "a"), 1);  // began before the write
  EXPECT_EQ(NumberOf(*cache, "a"), 2);
  EXPECT_EQ(cache->stats().refused_fills, 1u);
  EXPECT_EQ(cache->stats().fills, 1u);
}

TEST_F(CacheAsideTest, ReadsThatMissTogetherShareOneReadOfTheTable) {
  const auto cache = Open();
  Change("a", 1);
  constexpr uint64_t kReaders = 8;
  absl::Notification started;
  // Until all the others wait for this one.
  AfterRead([&] {
    started.Notify();
    while (cache->stats().coalesced < kReaders - 1) sched_yield();
  });
  std::vector<Thread> readers;
  readers.emplace_back("reader", [&] { EXPECT_EQ(NumberOf(*cache, "a"), 1); });
  started.WaitForNotification();
  for (uint64_t i = 1; i < kReaders; ++i) {
    readers.emplace_back("reader",
                         [&] { EXPECT_EQ(NumberOf(*cache, "a"), 1); });
  }
  readers.clear();
  EXPECT_EQ(mock_->Calls<GetItemRequest>(), 1u);
  EXPECT_EQ(cache->stats().coalesced, kReaders - 1);
}

// A read that begins after a write must not share one that began before it.
TEST_F(CacheAsideTest, AReadAfterAWriteDoesNotJoinOneFromBefore) {
  const auto cache = Open();
  Change("a", 1);
  AfterRead([&] {
    ASSERT_TRUE(cache->Put({.item = {{"id", "a"}, {"n", 2}}}).ok());
    int seen = 0;
    Thread("reader", [&] { seen = NumberOf(*cache, "a"); }).Join();
    EXPECT_EQ(seen, 2);
  });
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 2);
}

TEST_F(CacheAsideTest, AbsentItemsAreRememberedIfAskedFor) {
  const auto forgets = Open();
  EXPECT_EQ(NumberOf(*forgets, "x"), -1);
  EXPECT_EQ(NumberOf(*forgets, "x"), -1);
  EXPECT_EQ(mock_->Calls<GetItemRequest>(), 2u);
  const auto keeps = Open({.absent_ttl = absl::Seconds(1)});
  EXPECT_EQ(NumberOf(*keeps, "x"), -1);
  EXPECT_EQ(NumberOf(*keeps, "x"), -1);
  EXPECT_EQ(mock_->Calls<GetItemRequest>(), 3u);
  EXPECT_EQ(keeps->stats().absent, 1u);
  ASSERT_TRUE(keeps->Put({.item = {{"id", "x"}, {"n", 7}}}).ok());
  EXPECT_EQ(NumberOf(*keeps, "x"), 7);
}

TEST_F(CacheAsideTest, AFailedReadIsToldAndNotKept) {
  const auto cache = Open();
  mock_->On<GetItemRequest>(
      [](const GetItemRequest&) -> absl::StatusOr<GetItemResponse> {
        return MakeError(Reason::kThrottling, "slow down");
      });
  EXPECT_EQ(model::ReasonOf(cache->Get({{"id", "a"}}).status()),
            Reason::kThrottling);
  mock_->On<GetItemRequest>(
      [this](const GetItemRequest& request) { return Find(request.key); });
  Change("a", 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  EXPECT_EQ(NumberOf(*cache, "a"), 1);
  EXPECT_EQ(cache->stats().hits, 1u);
}

TEST_F(CacheAsideTest, SaysWhatIsWrong) {
  const auto refusal = [&](CacheAsideOptions options) {
    options.watch = false;
    return std::string(
        CacheAside::Create(Client(mock_), store_, options).status().message());
  };
  EXPECT_EQ(refusal({}), "the table of the cache has no name");
  EXPECT_EQ(refusal({.table = "t", .ttl = absl::ZeroDuration()}),
            "the cache's time to live is not positive");
  EXPECT_EQ(refusal({.table = "t", .jitter = 1.1}),
            "the cache's jitter is not within 0 to 1");
  const auto cache = Open();
  EXPECT_EQ(cache->Get({{"id", "a"}, {"n", 1}}).status().message(),
            "a key of table t has 1 attributes, not 2");
  EXPECT_EQ(cache->Get({{"no", "a"}}).status().message(),
            "the key attribute id is missing");
  EXPECT_FALSE(cache->Invalidate({{"no", "a"}}).ok());
  EXPECT_EQ(mock_->Calls<GetItemRequest>(), 0u);
}

// Watches are not part of a mock of functions, so Create says so.
TEST_F(CacheAsideTest, AWatchThatCannotBeginIsAnError) {
  EXPECT_FALSE(CacheAside::Create(Client(mock_), store_, {.table = "t"}).ok());
}

class InProcessCacheTest : public ::testing::Test {
 protected:
  using Kind = CacheStore::Found::Kind;

  bool Keep(const std::string& key, const std::string& value) {
    const CacheStore::Found found = store_->Lookup(key);
    return found.kind == Kind::kLeased &&
           store_->Fill(key, found.lease, value, absl::Minutes(1));
  }

  testing::ManualClock clock_;
  // 16 KB in each of 16 parts.
  std::unique_ptr<CacheStore> store_ = MakeInProcessCache(
      {.max_bytes = 256 << 10, .lease = absl::Seconds(5), .clock = &clock_});
};

TEST_F(InProcessCacheTest, OneLeaseAtATime) {
  const CacheStore::Found first = store_->Lookup("k");
  ASSERT_EQ(first.kind, Kind::kLeased);
  EXPECT_EQ(store_->Lookup("k").kind, Kind::kBusy);
  EXPECT_FALSE(store_->Fill("k", "none", "v", absl::Minutes(1)));
  store_->Release("k", first.lease);
  const CacheStore::Found second = store_->Lookup("k");
  ASSERT_EQ(second.kind, Kind::kLeased);
  EXPECT_FALSE(store_->Fill("k", first.lease, "v", absl::Minutes(1)));
  EXPECT_TRUE(store_->Fill("k", second.lease, "v", absl::Minutes(1)));
  EXPECT_EQ(store_->Lookup("k").value, "v");
}

TEST_F(InProcessCacheTest, ALeaseThatIsNotGivenBackEnds) {
  const CacheStore::Found lost = store_->Lookup("k");
  clock_.Advance(absl::Seconds(5));
  const CacheStore::Found next = store_->Lookup("k");
  EXPECT_EQ(next.kind, Kind::kLeased);
  EXPECT_FALSE(store_->Fill("k", lost.lease, "old", absl::Minutes(1)));
  EXPECT_TRUE(store_->Fill("k", next.lease, "new", absl::Minutes(1)));
}

TEST_F(InProcessCacheTest, InvalidationEndsLeases) {
  const CacheStore::Found found = store_->Lookup("k");
  store_->Invalidate("k");
  EXPECT_FALSE(store_->Fill("k", found.lease, "v", absl::Minutes(1)));
  const CacheStore::Found again = store_->Lookup("k");
  store_->Clear();
  EXPECT_FALSE(store_->Fill("k", again.lease, "v", absl::Minutes(1)));
}

TEST_F(InProcessCacheTest, TheLeastRecentlyUsedGoFirst) {
  ASSERT_TRUE(Keep("old", std::string(100, 'x')));
  ASSERT_TRUE(Keep("used", std::string(100, 'x')));
  int kept = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(Keep(std::to_string(i), std::string(500, 'x')));
    ASSERT_EQ(store_->Lookup("used").kind, Kind::kHit);
  }
  EXPECT_NE(store_->Lookup("old").kind, Kind::kHit);
  for (int i = 0; i < 2000; ++i) {
    const CacheStore::Found found = store_->Lookup(std::to_string(i));
    if (found.kind == Kind::kHit) ++kept;
    // A look-up that misses takes room for its lease.
    if (found.kind == Kind::kLeased) {
      store_->Release(std::to_string(i), found.lease);
    }
  }
  // 256 KB hold some 400 entries of 600 bytes.
  EXPECT_GT(kept, 300);
  EXPECT_LT(kept, 440);
}

TEST_F(InProcessCacheTest, AValueBeyondAPartIsNotKept) {
  EXPECT_TRUE(Keep("fits", std::string((16 << 10) - 100 - 4, 'x')));
  EXPECT_FALSE(Keep("over", std::string((16 << 10) - 100 - 3, 'x')));
}

// Against a map of what was acknowledged last: no read returns less than what
// was there when it began.
TEST_F(CacheAsideTest, ConcurrentReadersNeverSeeLessThanWhatWasWritten) {
  const auto cache = Open();
  constexpr int kKeys = 4, kWrites = 20'000;
  std::atomic<int> acknowledged[kKeys] = {};
  for (int key = 0; key < kKeys; ++key) Change(std::to_string(key), 0);
  std::atomic<bool> over{false};
  std::atomic<int> stale{0};
  std::vector<Thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back("reader", [&, reader] {
      Random random(reader);
      while (!over) {
        const int key = static_cast<int>(random.Below(kKeys));
        const int before = acknowledged[key];
        if (NumberOf(*cache, std::to_string(key)) < before) ++stale;
      }
    });
  }
  Random random(9);
  for (int n = 1; n <= kWrites; ++n) {
    const int key = static_cast<int>(random.Below(kKeys));
    ASSERT_TRUE(
        cache->Put({.item = {{"id", std::to_string(key)}, {"n", n}}}).ok());
    acknowledged[key] = n;
  }
  over = true;
  readers.clear();
  EXPECT_EQ(stale, 0);
  EXPECT_GT(cache->stats().hits, 0u);
}

}  // namespace
}  // namespace pallet
