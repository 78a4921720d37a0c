// SPDX-License-Identifier: Apache-2.0
#include "client/redis/redis_cache.h"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"
#include "model/errors.h"

namespace pallet {
namespace {

// What stands under a key: 'V' and a value, or 'L' and a lease.
constexpr char kValue = 'V';

constexpr absl::string_view kLookup =
    "local v = redis.call('GET', KEYS[1]) if v then return v end "
    "redis.call('SET', KEYS[1], 'L' .. ARGV[1], 'PX', ARGV[2]) return false";
constexpr absl::string_view kFill =
    "if redis.call('GET', KEYS[1]) ~= 'L' .. ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], 'V' .. ARGV[2], 'PX', ARGV[3]) return 1";
constexpr absl::string_view kRelease =
    "if redis.call('GET', KEYS[1]) ~= 'L' .. ARGV[1] then return 0 end "
    "return redis.call('DEL', KEYS[1])";

// More invalidated keys than these are remembered as: all.
constexpr size_t kMostPending = 10'000;
constexpr absl::string_view kScanPage = "1000";

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, FreeContext>;
using Reply = std::unique_ptr<redisReply, FreeReply>;
using Words = std::vector<absl::string_view>;

timeval AtLeastAMillisecond(absl::Duration duration) {
  return absl::ToTimeval(std::max(duration, absl::Milliseconds(1)));
}

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(
      std::max<int64_t>(1, absl::ToInt64Milliseconds(duration)));
}

// `text` as a pattern that matches nothing else.
std::string Escaped(absl::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (absl::string_view("*?[]^-\\").find(c) != absl::string_view::npos) {
      pattern += '\\';
    }
    pattern += c;
  }
  return pattern;
}

absl::string_view TextOf(const redisReply& reply) {
  return {reply.str, reply.len};
}

class RedisCache final : public CacheStore {
 public:
  RedisCache(const RedisCacheOptions& options, std::string host, int port)
      : options_(options), host_(std::move(host)), port_(port) {}

  Found Lookup(absl::string_view key) override {
    const std::string lease = absl::BytesToHexString(RealEntropy(8));
    const Reply reply = Ask(
        {"EVAL", kLookup, "1", Full(key), lease, Milliseconds(options_.lease)});
    if (reply == nullptr) return {};
    if (reply->type == REDIS_REPLY_NIL) {
      return {.kind = Found::Kind::kLeased, .lease = lease};
    }
    const absl::string_view text = TextOf(*reply);
    if (reply->type != REDIS_REPLY_STRING || text.empty() ||
        text[0] != kValue) {
      return {};
    }
    return {.kind = Found::Kind::kHit, .value = std::string(text.substr(1))};
  }

  bool Fill(absl::string_view key, absl::string_view lease,
            absl::string_view value, absl::Duration ttl) override {
    const Reply reply =
        Ask({"EVAL", kFill, "1", Full(key), lease, value, Milliseconds(ttl)});
    return reply != nullptr && reply->type == REDIS_REPLY_INTEGER &&
           reply->integer == 1;
  }

  void Release(absl::string_view key, absl::string_view lease) override {
    (void)Ask({"EVAL", kRelease, "1", Full(key), lease});
  }

  void Invalidate(absl::string_view key) override {
    {
      // First: whoever looks it up from here deletes it before.
      absl::MutexLock lock(&mutex_);
      pending_[Full(key)] = ++last_order_;
      if (pending_.size() > kMostPending) {
        pending_.clear();
        all_pending_ = last_order_;
      }
    }
    (void)Take();
  }

  void Clear() override {
    {
      absl::MutexLock lock(&mutex_);
      all_pending_ = ++last_order_;
    }
    (void)Take();
  }

  uint64_t errors() const override { return errors_; }

 private:
  // Keys, and which invalidation of this object each is of.
  using Pending = std::map<std::string, uint64_t>;

  std::string Full(absl::string_view key) const {
    return absl::StrCat(options_.prefix, key);
  }

  // A connection on which all that is pending was deleted; nullptr if the
  // server is not to be had. It goes back when the handle dies.
  struct GiveBack {
    RedisCache* cache;
    void operator()(redisContext* context) const { cache->Return(context); }
  };
  using Taken = std::unique_ptr<redisContext, GiveBack>;

  Taken Take() {
    Connection connection;
    Pending pending;
    uint64_t all = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (options_.clock->Monotonic() < retry_at_) return NoConnection();
      if (!idle_.empty()) {
        connection = std::move(idle_.back());
        idle_.pop_back();
      }
      pending = pending_;
      all = all_pending_;
    }
    if (connection == nullptr) connection = Connect();
    if (connection == nullptr) return NoConnection();
    if (all != 0 ? !DeleteAll(*connection) : !Delete(*connection, pending)) {
      return NoConnection();
    }
    if (all != 0 || !pending.empty()) {
      absl::MutexLock lock(&mutex_);
      // Not those that came again since: they are deleted once more.
      for (const auto& [key, order] : pending) {
        const auto found = pending_.find(key);
        if (found != pending_.end() && found->second == order) {
          pending_.erase(found);
        }
      }
      if (all_pending_ == all) all_pending_ = 0;
    }
    return Taken(connection.release(), GiveBack{this});
  }

  Taken NoConnection() { return Taken(nullptr, GiveBack{this}); }

  Connection Connect() {
    const timeval timeout = AtLeastAMillisecond(options_.timeout);
    Connection connection(
        port_ == 0 ? redisConnectUnixWithTimeout(host_.c_str(), timeout)
                   : redisConnectWithTimeout(host_.c_str(), port_, timeout));
    if (connection == nullptr || connection->err != 0 ||
        redisSetTimeout(connection.get(), timeout) != REDIS_OK) {
      Fail();
      return nullptr;
    }
    return connection;
  }

  void Return(redisContext* context) {
    Connection connection(context);
    if (connection == nullptr || connection->err != 0) return;
    absl::MutexLock lock(&mutex_);
    if (idle_.size() < options_.max_idle_connections) {
      idle_.push_back(std::move(connection));
    }
  }

  void Fail() {
    ++errors_;
    std::vector<Connection> dropped;
    absl::MutexLock lock(&mutex_);
    retry_at_ = options_.clock->Monotonic() + options_.retry_after;
    dropped.swap(idle_);
  }

  // nullptr if the server could not be asked or answered with an error.
  Reply Ask(std::initializer_list<absl::string_view> words) {
    const Taken connection = Take();
    if (connection == nullptr) return nullptr;
    return Send(*connection, Words(words));
  }

  Reply Send(redisContext& connection, const Words& words) {
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const absl::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(
        redisCommandArgv(&connection, static_cast<int>(words.size()),
                         texts.data(), sizes.data())));
    if (reply != nullptr && reply->type != REDIS_REPLY_ERROR) return reply;
    // Its answer may still come: nobody uses the connection again.
    connection.err = REDIS_ERR_OTHER;
    Fail();
    return nullptr;
  }

  bool Delete(redisContext& connection, const Pending& keys) {
    if (keys.empty()) return true;
    Words words = {"DEL"};
    for (const auto& [key, order] : keys) words.push_back(key);
    return Send(connection, words) != nullptr;
  }

  bool DeleteAll(redisContext& connection) {
    const std::string pattern = Escaped(options_.prefix) + "*";
    std::string cursor = "0";
    do {
      const Reply page = Send(
          connection, {"SCAN", cursor, "MATCH", pattern, "COUNT", kScanPage});
      if (page == nullptr || page->type != REDIS_REPLY_ARRAY ||
          page->elements != 2) {
        return false;
      }
      cursor = std::string(TextOf(*page->element[0]));
      Pending keys;
      const redisReply& found = *page->element[1];
      for (size_t i = 0; i < found.elements; ++i) {
        keys[std::string(TextOf(*found.element[i]))] = 0;
      }
      if (!Delete(connection, keys)) return false;
    } while (cursor != "0");
    return true;
  }

  const RedisCacheOptions options_;
  const std::string host_;  // or the socket's path
  const int port_;          // 0: a socket in the file system

  std::atomic<uint64_t> errors_{0};
  absl::Mutex mutex_;
  std::vector<Connection> idle_ ABSL_GUARDED_BY(mutex_);
  absl::Duration retry_at_ ABSL_GUARDED_BY(mutex_);
  // To be deleted before anything is looked up; 0: not all.
  Pending pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t all_pending_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_order_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<CacheStore>> MakeRedisCache(
    const RedisCacheOptions& options) {
  absl::string_view address = options.address;
  if (absl::ConsumePrefix(&address, "unix:") && !address.empty()) {
    return std::make_shared<RedisCache>(options, std::string(address), 0);
  }
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == 0 || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return model::ValidationError(absl::StrCat(
        "the address of Redis is neither HOST:PORT nor unix:PATH: ",
        options.address));
  }
  return std::make_shared<RedisCache>(
      options, std::string(address.substr(0, colon)), port);
}

}  // namespace pallet
