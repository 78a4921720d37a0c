// SPDX-License-Identifier: Apache-2.0
#include "client/cache_aside.h"

#include <atomic>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "model/errors.h"

namespace pallet {
namespace {

// What a store keeps for a key: whether there is an item, and its bytes.
constexpr char kAbsent = '0';
constexpr char kPresent = '1';

// After a watch broke.
constexpr absl::Duration kWatchAgainAfter = absl::Seconds(1);

absl::Status CheckOptions(const CacheAsideOptions& options) {
  if (options.table.empty()) {
    return model::ValidationError("the table of the cache has no name");
  }
  if (options.ttl <= absl::ZeroDuration() ||
      options.absent_ttl < absl::ZeroDuration()) {
    return model::ValidationError("the cache's time to live is not positive");
  }
  if (!(options.jitter >= 0 && options.jitter <= 1)) {
    return model::ValidationError("the cache's jitter is not within 0 to 1");
  }
  return absl::OkStatus();
}

using Read = absl::StatusOr<std::optional<Item>>;

// A read of the table under way, and those who wait for it.
struct Flight {
  absl::Notification landed;
  Read read;
};

}  // namespace

class CacheAside::State {
 public:
  State(Client client, std::shared_ptr<CacheStore> store,
        const CacheAsideOptions& options, const KeySchema& schema)
      : client_(std::move(client)),
        store_(std::move(store)),
        options_(options),
        random_(options.seed) {
    key_names_.push_back(schema.partition.name);
    if (schema.sort.has_value()) key_names_.push_back(schema.sort->name);
  }

  Client& client() { return client_; }
  const std::string& table() const { return options_.table; }

  absl::StatusOr<std::optional<Item>> Get(const Item& item_key,
                                          const CallOptions& call) {
    if (item_key.size() != key_names_.size()) {
      return model::ValidationError(absl::StrCat(
          "a key of table ", options_.table, " has ", key_names_.size(),
          " attributes, not ", item_key.size()));
    }
    ASSIGN_OR_RETURN(const std::string key, KeyOf(item_key));
    CacheStore::Found found = store_->Lookup(key);
    if (found.kind == CacheStore::Found::Kind::kHit) {
      if (auto item = Decode(found.value)) return *std::move(item);
      store_->Invalidate(key);  // not ours
      found = {};
    }
    bool is_leader = false;
    const std::shared_ptr<Flight> flight = Board(key, &is_leader);
    if (!is_leader) {
      if (!found.lease.empty()) store_->Release(key, found.lease);
      ++coalesced_;
      flight->landed.WaitForNotification();
      return flight->read;
    }
    flight->read = ReadTable(item_key, call);
    Keep(key, found.lease, flight->read);
    Leave(key, flight);
    flight->landed.Notify();
    return flight->read;
  }

  absl::Status Forget(const Item& item, std::atomic<uint64_t>* counter) {
    ASSIGN_OR_RETURN(const std::string key, KeyOf(item));
    store_->Invalidate(key);
    // What is under way may have read before: nobody joins it any more.
    {
      absl::MutexLock lock(&mutex_);
      flights_.erase(key);
    }
    ++*counter;
    return absl::OkStatus();
  }
  absl::Status ForgetWritten(const Item& item) {
    return Forget(item, &invalidations_);
  }
  absl::Status ForgetWatched(const Item& key) { return Forget(key, &watched_); }

  // A watch has missed something.
  void ForgetAll() {
    ++watch_breaks_;
    store_->Clear();
    absl::MutexLock lock(&mutex_);
    flights_.clear();
  }

  CacheStats stats() const {
    return {.hits = hits_,
            .absent = absent_,
            .misses = misses_,
            .coalesced = coalesced_,
            .fills = fills_,
            .refused_fills = refused_fills_,
            .invalidations = invalidations_,
            .watched = watched_,
            .watch_breaks = watch_breaks_,
            .store_errors = store_->errors()};
  }

 private:
  // Of a key, or of an item that has one.
  absl::StatusOr<std::string> KeyOf(const Item& item) const {
    std::string key = options_.table;
    for (const std::string& name : key_names_) {
      const Value* const value = item.Find(name);
      if (value == nullptr) {
        return model::ValidationError(
            absl::StrCat("the key attribute ", name, " is missing"));
      }
      AppendBytes(&key, value->Encode());
    }
    return key;
  }

  // nullopt if it is nothing that we wrote.
  std::optional<std::optional<Item>> Decode(absl::string_view value) {
    if (value.size() == 1 && value[0] == kAbsent) {
      ++hits_;
      ++absent_;
      return std::optional<Item>();
    }
    if (value.empty() || value[0] != kPresent) return std::nullopt;
    absl::StatusOr<Item> item = Item::Decode(value.substr(1));
    if (!item.ok()) return std::nullopt;
    ++hits_;
    return std::optional<Item>(*std::move(item));
  }

  std::shared_ptr<Flight> Board(const std::string& key, bool* is_leader) {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<Flight>& flight = flights_[key];
    *is_leader = flight == nullptr;
    if (*is_leader) flight = std::make_shared<Flight>();
    return flight;
  }

  void Leave(const std::string& key, const std::shared_ptr<Flight>& flight) {
    absl::MutexLock lock(&mutex_);
    const auto found = flights_.find(key);
    if (found != flights_.end() && found->second == flight) {
      flights_.erase(found);
    }
  }

  Read ReadTable(const Item& key, const CallOptions& call) {
    ++misses_;
    absl::StatusOr<GetItemResponse> response = client_.GetItem(
        {.table = options_.table, .key = key, .consistent_read = true}, call);
    if (!response.ok()) return response.status();
    return std::move(response->item);
  }

  void Keep(const std::string& key, const std::string& lease,
            const Read& read) {
    if (lease.empty()) return;
    const bool is_absent = read.ok() && !read->has_value();
    const absl::Duration ttl = is_absent ? options_.absent_ttl : options_.ttl;
    if (!read.ok() || ttl <= absl::ZeroDuration()) {
      return store_->Release(key, lease);
    }
    const std::string value =
        is_absent ? std::string(1, kAbsent)
                  : absl::StrCat(std::string(1, kPresent), (*read)->Encode());
    ++(store_->Fill(key, lease, value, Jittered(ttl)) ? fills_
                                                      : refused_fills_);
  }

  absl::Duration Jittered(absl::Duration ttl) {
    absl::MutexLock lock(&mutex_);
    return ttl * (1 - options_.jitter * random_.Fraction());
  }

  Client client_;
  const std::shared_ptr<CacheStore> store_;
  const CacheAsideOptions options_;
  std::vector<std::string> key_names_;

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Flight>> flights_
      ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_);

  std::atomic<uint64_t> hits_{0}, absent_{0}, misses_{0}, coalesced_{0},
      fills_{0}, refused_fills_{0}, invalidations_{0}, watched_{0},
      watch_breaks_{0};
};

// Hears what others change, on a thread of its own.
class CacheAside::Watching {
 public:
  explicit Watching(std::shared_ptr<State> state) : state_(std::move(state)) {}

  ~Watching() {
    {
      absl::MutexLock lock(&mail_->mutex);
      mail_->stopping = true;
    }
    thread_.Join();
  }

  // OK once changes are heard; else why not, and nothing goes on.
  absl::Status Start() {
    std::unique_ptr<WatchStream> stream = Open();
    absl::StatusOr<WatchBatch> first = Receive(*stream);
    RETURN_IF_ERROR(first.status());
    thread_ = Thread("cache-watch", [this, stream = std::move(stream),
                                     first = *std::move(first)]() mutable {
      Run(std::move(stream), std::move(first));
    });
    return absl::OkStatus();
  }

 private:
  // Where the callback of a read leaves what it got. Shared with it: it may
  // come when nobody waits any more.
  struct Mail {
    absl::Mutex mutex;
    bool stopping ABSL_GUARDED_BY(mutex) = false;
    std::optional<absl::StatusOr<WatchBatch>> batch ABSL_GUARDED_BY(mutex);

    bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
      return stopping || batch.has_value();
    }
    bool IsStopping() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
      return stopping;
    }
  };

  std::unique_ptr<WatchStream> Open() {
    // It lives as long as we listen.
    return state_->client().Watch({.table = state_->table()},
                                  {.timeout = absl::InfiniteDuration()});
  }

  // kCancelled when it is to stop.
  absl::StatusOr<WatchBatch> Receive(WatchStream& stream) {
    stream.Next([mail = mail_](absl::StatusOr<WatchBatch> batch) {
      absl::MutexLock lock(&mail->mutex);
      mail->batch = std::move(batch);
    });
    absl::MutexLock lock(&mail_->mutex);
    mail_->mutex.Await(absl::Condition(mail_.get(), &Mail::HasNews));
    if (mail_->stopping) return absl::CancelledError("the cache is closed");
    absl::StatusOr<WatchBatch> batch = *std::move(mail_->batch);
    mail_->batch.reset();
    return batch;
  }

  bool IsStopping() {
    absl::MutexLock lock(&mail_->mutex);
    return mail_->stopping;
  }

  void Run(std::unique_ptr<WatchStream> stream,
           absl::StatusOr<WatchBatch> batch) {
    while (!IsStopping()) {
      if (batch.ok()) {
        Forget(*batch);
      } else if (!(stream = WatchAgain())) {
        return;
      }
      batch = Receive(*stream);
    }
  }

  void Forget(const WatchBatch& batch) {
    for (const Change& change : batch.changes) {
      state_->ForgetWatched(change.key).IgnoreError();  // it has its key
    }
  }

  // A watch from now on; what was kept before is forgotten, since nobody knows
  // what was missed. nullptr when it is to stop.
  std::unique_ptr<WatchStream> WatchAgain() {
    while (true) {
      {
        absl::MutexLock lock(&mail_->mutex);
        mail_->mutex.AwaitWithTimeout(
            absl::Condition(mail_.get(), &Mail::IsStopping), kWatchAgainAfter);
        if (mail_->stopping) return nullptr;
      }
      std::unique_ptr<WatchStream> stream = Open();
      const absl::StatusOr<WatchBatch> first = Receive(*stream);
      if (!first.ok()) continue;
      state_->ForgetAll();
      Forget(*first);
      return stream;
    }
  }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
  Thread thread_;
};

absl::StatusOr<std::unique_ptr<CacheAside>> CacheAside::Create(
    Client client, std::shared_ptr<CacheStore> store,
    const CacheAsideOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const TableDescription table,
                   client.DescribeTable({.table = options.table}));
  auto state = std::make_shared<State>(std::move(client), std::move(store),
                                       options, table.key);
  std::unique_ptr<Watching> watching;
  if (options.watch) {
    watching = std::make_unique<Watching>(state);
    RETURN_IF_ERROR(watching->Start());
  }
  return std::unique_ptr<CacheAside>(
      new CacheAside(std::move(state), std::move(watching)));
}

CacheAside::CacheAside(std::shared_ptr<State> state,
                       std::unique_ptr<Watching> watching)
    : state_(std::move(state)), watching_(std::move(watching)) {}
CacheAside::~CacheAside() = default;

absl::StatusOr<std::optional<Item>> CacheAside::Get(
    const Item& key, const CallOptions& options) {
  return state_->Get(key, options);
}

absl::StatusOr<PutItemResponse> CacheAside::Put(PutItemRequest request,
                                                const CallOptions& options) {
  request.table = state_->table();
  absl::StatusOr<PutItemResponse> response =
      state_->client().PutItem(request, options);
  // Whatever the answer: it may have happened. Without a key it has not.
  state_->ForgetWritten(request.item).IgnoreError();
  return response;
}

absl::StatusOr<UpdateItemResponse> CacheAside::Update(
    UpdateItemRequest request, const CallOptions& options) {
  request.table = state_->table();
  absl::StatusOr<UpdateItemResponse> response =
      state_->client().UpdateItem(request, options);
  state_->ForgetWritten(request.key).IgnoreError();
  return response;
}

absl::StatusOr<DeleteItemResponse> CacheAside::Delete(
    DeleteItemRequest request, const CallOptions& options) {
  request.table = state_->table();
  absl::StatusOr<DeleteItemResponse> response =
      state_->client().DeleteItem(request, options);
  state_->ForgetWritten(request.key).IgnoreError();
  return response;
}

absl::Status CacheAside::Invalidate(const Item& key) {
  return state_->ForgetWritten(key);
}

CacheStats CacheAside::stats() const { return state_->stats(); }

}  // namespace pallet
