// SPDX-License-Identifier: Apache-2.0
#include "service/cluster/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "cluster/replica/replica_proposer.h"
#include "model/errors.h"
#include "service/cluster/forwarder.h"

namespace pallet::service {
namespace {

using cluster::ReplicaStore;
using storage::PartitionId;

// How long a strong read waits for the word of the others.
constexpr absl::Duration kReadPatience = absl::Seconds(3);
// So often it looks whether the session has ended meanwhile.
constexpr absl::Duration kReadRound = absl::Milliseconds(500);
// How long a new partition may take until it is led here.
constexpr absl::Duration kCreationPatience = absl::Seconds(20);
constexpr absl::Duration kLook = absl::Milliseconds(20);

absl::Status Ended() { return NotSent("it has just changed"); }

thread_local bool no_waiting = false;

}  // namespace

Session::NoWaiting::NoWaiting() : before_(std::exchange(no_waiting, true)) {}

Session::NoWaiting::~NoWaiting() { no_waiting = before_; }

// A store as the session's partition host sees it: of partitions that are led
// here, as if there were one copy.
class Session::LeaderStore final : public storage::Store {
 public:
  LeaderStore(Session* session, ReplicaStore* store)
      : session_(session), store_(store) {}

  absl::Status Submit(std::unique_ptr<storage::RowWrite> write) override {
    if (session_->ended_.load()) return Ended();
    return store_->Submit(std::move(write));
  }
  absl::Status Read(absl::FunctionRef<absl::Status(storage::ReadTransaction&)>
                        body) override {
    return store_->Read(body);
  }
  absl::Status ReadPartition(
      PartitionId partition,
      absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body)
      override {
    if (no_waiting) {
      return store_->ReadStrong(partition, absl::ZeroDuration(), body);
    }
    Clock* const clock = session_->options_.clock;
    const absl::Duration end = clock->Monotonic() + kReadPatience;
    while (true) {
      absl::Status read = store_->ReadStrong(partition, kReadRound, body);
      cluster::ReplicaId leader;
      if (!cluster::IsNotLedHere(read, &leader)) return read;
      if (session_->ended_.load()) return Ended();
      if (clock->Monotonic() >= end) return read;
    }
  }
  absl::Status CreatePartition(PartitionId id, storage::KeyspaceId,
                               storage::HashRange, uint32_t) override {
    RETURN_IF_ERROR(session_->options_.make_replica(id));
    return session_->AwaitLead(store_, id);
  }
  // The catalog has let it go, so each node drops its replica.
  absl::Status DropPartition(PartitionId id) override {
    session_->Forget(id);
    return absl::OkStatus();
  }
  std::vector<storage::PartitionInfo> Partitions() override {
    return store_->Partitions();
  }
  absl::StatusOr<storage::PartitionInfo> Partition(PartitionId id) override {
    return store_->Partition(id);
  }
  void SetChangeListener(storage::ChangeListener* listener) override {
    store_->SetChangeListener(listener);
  }
  void SetStreamListener(storage::StreamListener* listener) override {
    store_->SetStreamListener(listener);
  }
  absl::Status Checkpoint() override { return store_->Checkpoint(); }
  absl::Status Verify() override { return store_->Verify(); }
  absl::Status Health() override { return store_->Health(); }
  storage::StoreMetrics Metrics() override { return store_->Metrics(); }

 private:
  Session* const session_;
  ReplicaStore* const store_;
};

// Ends when the session does, whether somebody waits for it or not.
class Session::HeldSource final : public PageSource {
 public:
  HeldSource(std::shared_ptr<Session> session,
             std::unique_ptr<PageSource> source)
      : session_(std::move(session)), source_(std::move(source)) {
    absl::MutexLock lock(&session_->mutex_);
    session_->held_.insert(this);
    ended_ = session_->ended_.load();
  }
  ~HeldSource() override {
    {
      absl::MutexLock lock(&session_->mutex_);
      session_->held_.erase(this);
    }
    source_.reset();
    session_->Leave();
  }

  absl::StatusOr<std::optional<std::string>> Next() override {
    {
      absl::MutexLock lock(&session_->mutex_);
      if (ended_) return Ended();
    }
    return source_->Next();
  }

  bool Awaits(absl::AnyInvocable<void()> ready) override {
    {
      absl::MutexLock lock(&session_->mutex_);
      if (ended_) return false;
      waker_ = std::make_shared<Waker>();
      waker_->ready = std::move(ready);
    }
    const bool waits = source_->Awaits([waker = waker_] { waker->Wake(); });
    if (!waits) {
      absl::MutexLock lock(&waker_->mutex);
      waker_->ready = nullptr;
    }
    return waits;
  }

  bool may_be_empty() const override { return source_->may_be_empty(); }

  // Under the session's mutex; returns who is to be woken.
  std::function<void()> End() {
    ended_ = true;
    if (waker_ == nullptr) return [] {};
    return [waker = waker_] { waker->Wake(); };
  }

 private:
  struct Waker {
    absl::Mutex mutex;
    absl::AnyInvocable<void()> ready ABSL_GUARDED_BY(mutex) = nullptr;

    void Wake() {
      absl::AnyInvocable<void()> woken;
      {
        absl::MutexLock lock(&mutex);
        woken = std::move(ready);
        ready = nullptr;
      }
      if (woken != nullptr) woken();
    }
  };

  const std::shared_ptr<Session> session_;
  std::unique_ptr<PageSource> source_;
  bool ended_ = false;  // under the session's mutex
  std::shared_ptr<Waker> waker_;
};

absl::StatusOr<std::shared_ptr<Session>> Session::Open(SessionOptions options) {
  std::shared_ptr<Session> session(new Session(std::move(options)));
  RETURN_IF_ERROR(session->Start());
  return session;
}

absl::Status Session::Start() {
  cluster::PartitionHostOptions host;
  host.data_directory = options_.config->data_dir;
  host.directory = options_.directory;
  host.catalog = options_.catalog;
  host.clock = options_.clock;
  host.logger = options_.logger;
  host.open_store = [this](storage::StoreOptions store)
      -> absl::StatusOr<std::unique_ptr<storage::Store>> {
    for (size_t i = 0; i < options_.stores.size(); ++i) {
      if (options_.directory->store_directory(static_cast<uint32_t>(i)) ==
          store.directory) {
        return std::make_unique<LeaderStore>(this, options_.stores[i]);
      }
    }
    return absl::InternalError("no such store");
  };
  for (ReplicaStore* const store : options_.stores) {
    for (const storage::PartitionInfo& info : store->Partitions()) {
      if (store->Leads(info.id)) NoteTerm(store, info.id);
    }
  }
  ASSIGN_OR_RETURN(host_, cluster::PartitionHost::Open(std::move(host)));
  ServiceCoreOptions core;
  core.config = options_.config;
  core.clock = options_.clock;
  core.logger = options_.logger;
  core.host = host_.get();
  core.read_pool = options_.read_pool;
  core.control = options_.control;
  core.endpoint = options_.endpoint;
  ASSIGN_OR_RETURN(core_, ServiceCore::Open(core));
  return absl::OkStatus();
}

Session::~Session() {
  End();
  core_.reset();
  host_.reset();
}

void Session::NoteTerm(ReplicaStore* store, PartitionId partition) {
  absl::MutexLock lock(&mutex_);
  led_[partition] = {store, store->ServingTerm(partition)};
}

void Session::Forget(PartitionId partition) {
  absl::MutexLock lock(&mutex_);
  led_.erase(partition);
}

absl::Status Session::AwaitLead(ReplicaStore* store, PartitionId partition) {
  const absl::Duration end = options_.clock->Monotonic() + kCreationPatience;
  absl::Notification never;
  while (!store->Leads(partition)) {
    if (ended_.load()) return Ended();
    if (options_.clock->Monotonic() >= end) {
      return model::MakeError(
          model::Reason::kThrottling,
          absl::StrCat("a majority of the nodes has not made partition ",
                       partition.value(), " yet"));
    }
    store->Campaign(partition);
    (void)never.WaitForNotificationWithTimeout(kLook);
  }
  NoteTerm(store, partition);
  return absl::OkStatus();
}

bool Session::IsWhole() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [partition, led] : led_) {
    if (led.term == 0 || led.store->ServingTerm(partition) != led.term) {
      return false;
    }
  }
  return true;
}

std::unique_ptr<PageSource> Session::Hold(const std::shared_ptr<Session>& self,
                                          std::unique_ptr<PageSource> source) {
  return std::make_unique<HeldSource>(self, std::move(source));
}

void Session::End() {
  if (ended_.exchange(true)) return;
  gate_.Close();
  std::vector<std::function<void()>> wake;
  {
    absl::MutexLock lock(&mutex_);
    for (HeldSource* const held : held_) wake.push_back(held->End());
  }
  for (const auto& one : wake) one();
  if (core_ != nullptr) core_->Stop();
  gate_.AwaitEmpty(absl::InfiniteDuration());
}

}  // namespace pallet::service
