// SPDX-License-Identifier: Apache-2.0
#include "client/cluster_stub.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "client/grpc_calls.h"
#include "model/errors.h"
#include "pallet/v1/cluster_service.pb.h"

namespace pallet {
namespace {

constexpr Method kGetTopology = {"/pallet.v1.ClusterService/GetTopology",
                                 Repeat::kSafe, 0};
constexpr absl::Duration kLookEvery = absl::Seconds(1);
constexpr absl::Duration kLookAgain = absl::Milliseconds(100);
constexpr absl::Duration kLookTimeout = absl::Seconds(1);
// How long a node is passed over after an attempt that did not arrive.
constexpr absl::Duration kPassedOver = absl::Seconds(3);

// The node is gone, or going.
bool IsOfTheWay(const Failure& failure) {
  if (failure.not_sent) return true;
  const model::Reason reason = model::ReasonOf(failure.status);
  return reason == model::Reason::kShuttingDown ||
         (failure.status.code() == absl::StatusCode::kUnavailable &&
          reason == model::Reason::kInternal);
}

// Shared with the callbacks of its stubs.
class ClusterStub final : public Stub {
 public:
  ClusterStub(std::vector<std::string> addresses, StubMaker maker, Clock* clock)
      : maker_(std::move(maker)),
        clock_(clock),
        seeds_(std::move(addresses)),
        current_(seeds_.front()) {}
  ~ClusterStub() override { Shutdown(); }

  void Start() { Look(); }

  void Call(const Method& method, absl::string_view request,
            absl::Duration timeout, Done done) override {
    const auto [address, stub] = Current();
    if (stub == nullptr) return done({.failure = ShutDownFailure()});
    stub->Call(method, request, timeout,
               [this, address = address,
                done = std::move(done)](const Attempt& attempt) mutable {
                 Note(address, attempt.failure);
                 done(attempt);
               });
  }

  std::shared_ptr<StubStream> Stream(const Method& method,
                                     absl::string_view request,
                                     absl::Duration timeout) override {
    const auto [address, stub] = Current();
    if (stub == nullptr) return std::make_shared<NoStream>();
    return std::make_shared<NotingStream>(
        this, address, stub->Stream(method, request, timeout));
  }

  void After(absl::Duration delay,
             absl::AnyInvocable<void(bool)> done) override {
    const auto [address, stub] = Current();
    if (stub == nullptr) return done(false);
    stub->After(delay, std::move(done));
  }

  void Shutdown() override {
    std::map<std::string, std::shared_ptr<Stub>> stubs;
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
      stubs = stubs_;
    }
    // Their callbacks come back here, and find that it has stopped.
    for (const auto& [address, stub] : stubs) stub->Shutdown();
  }

 private:
  class NoStream final : public StubStream {
   public:
    void Read(absl::AnyInvocable<void(Attempt, bool)> done) override {
      done({.failure = ShutDownFailure()}, false);
    }
  };

  class NotingStream final : public StubStream {
   public:
    NotingStream(ClusterStub* owner, std::string address,
                 std::shared_ptr<StubStream> stream)
        : owner_(owner),
          address_(std::move(address)),
          stream_(std::move(stream)) {}

    void Read(absl::AnyInvocable<void(Attempt, bool)> done) override {
      stream_->Read(
          [owner = owner_, address = address_, done = std::move(done)](
              const Attempt& attempt, bool ended) mutable {
            owner->Note(address, attempt.failure);
            done(attempt, ended);
          });
    }

   private:
    ClusterStub* const owner_;
    const std::string address_;
    const std::shared_ptr<StubStream> stream_;
  };

  struct Target {
    std::string address;
    std::shared_ptr<Stub> stub;  // null: shut down
  };

  Target Current() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::string address;
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return {};
      const auto known = stubs_.find(current_);
      if (known != stubs_.end()) return {current_, known->second};
      address = current_;
    }
    std::shared_ptr<Stub> made = maker_(address);
    absl::MutexLock lock(&mutex_);
    if (stopped_) return {};
    // Another thread may have been faster.
    return {address, stubs_.emplace(address, std::move(made)).first->second};
  }

  void Note(const std::string& address, const Failure& failure)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    if (failure.status.ok() || !IsOfTheWay(failure)) return;
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;
      PassOver(address);
    }
    Look();
  }

  // Attempts go elsewhere, for a while.
  void PassOver(const std::string& address)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Duration now = clock_->Monotonic();
    passed_over_[address] = now + kPassedOver;
    if (address != current_) return;
    // The one that comes behind it, in the order of all.
    std::vector<std::string> all = seeds_;
    all.insert(all.end(), nodes_.begin(), nodes_.end());
    const auto at = std::find(all.begin(), all.end(), current_);
    if (at != all.end()) std::rotate(all.begin(), at + 1, all.end());
    const std::string* soonest = nullptr;
    absl::Duration least = absl::InfiniteDuration();
    for (const std::string& each : all) {
      const auto until = passed_over_.find(each);
      const absl::Duration end =
          until == passed_over_.end() ? absl::ZeroDuration() : until->second;
      if (end <= now) {
        current_ = each;
        return;
      }
      if (end < least) {
        least = end;
        soonest = &each;
      }
    }
    if (soonest != nullptr) current_ = *soonest;
  }

  // One at a time.
  void Look() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_ || is_looking_) return;
      is_looking_ = true;
    }
    const auto [address, stub] = Current();
    if (stub == nullptr) return;
    v1::GetTopologyRequest request;
    {
      absl::MutexLock lock(&mutex_);
      if (address == asked_) request.set_known_map_version(version_);
    }
    stub->Call(kGetTopology, request.SerializeAsString(), kLookTimeout,
               [this, address = address](const Attempt& attempt) {
                 OnLooked(address, attempt);
               });
  }

  void OnLooked(const std::string& address, const Attempt& attempt)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::Duration wait = kLookEvery;
    {
      absl::MutexLock lock(&mutex_);
      is_looking_ = false;
      if (stopped_) return;
      if (attempt.failure.status.ok()) {
        Learn(address, attempt.response);
      } else if (attempt.failure.status.code() !=
                 absl::StatusCode::kUnimplemented) {
        PassOver(address);
        wait = kLookAgain;
      }
      if (is_waiting_) return;
      is_waiting_ = true;
    }
    After(wait, [this](bool waited) {
      {
        absl::MutexLock lock(&mutex_);
        is_waiting_ = false;
      }
      if (waited) Look();
    });
  }

  void Learn(const std::string& address, absl::string_view encoded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    v1::GetTopologyResponse response;
    if (!response.ParseFromArray(encoded.data(),
                                 static_cast<int>(encoded.size()))) {
      return;
    }
    if (response.has_topology()) {
      const v1::Topology& topology = response.topology();
      asked_ = address;
      version_ = topology.map_version();
      nodes_.clear();
      std::map<std::string, size_t> led;
      for (const auto& table : topology.tables()) {
        for (const auto& partition : table.partitions()) {
          if (partition.has_leader_node_id()) {
            ++led[partition.leader_node_id()];
          }
        }
      }
      leader_.clear();
      size_t most = 0;
      for (const v1::Node& node : topology.nodes()) {
        if (node.grpc_address().empty() || !node.alive()) continue;
        nodes_.push_back(node.grpc_address());
        const auto count = led.find(node.node_id());
        if (count != led.end() && count->second > most) {
          most = count->second;
          leader_ = node.grpc_address();
        }
      }
    }
    if (leader_.empty()) return;
    const auto until = passed_over_.find(leader_);
    if (until == passed_over_.end() || until->second <= clock_->Monotonic()) {
      current_ = leader_;
    }
  }

  const StubMaker maker_;
  Clock* const clock_;
  const std::vector<std::string> seeds_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_looking_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_waiting_ ABSL_GUARDED_BY(mutex_) = false;
  std::string current_ ABSL_GUARDED_BY(mutex_);
  std::string leader_ ABSL_GUARDED_BY(mutex_);
  // Of the last topology, and who gave it.
  std::vector<std::string> nodes_ ABSL_GUARDED_BY(mutex_);
  std::string asked_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  // Until when; those of before stay.
  std::map<std::string, absl::Duration> passed_over_ ABSL_GUARDED_BY(mutex_);
  // They live as long as this.
  std::map<std::string, std::shared_ptr<Stub>> stubs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Stub> MakeClusterStub(std::vector<std::string> addresses,
                                      StubMaker maker, Clock* clock) {
  auto stub = std::make_unique<ClusterStub>(std::move(addresses),
                                            std::move(maker), clock);
  stub->Start();
  return stub;
}

std::vector<std::string> AddressesIn(const std::string& addresses) {
  if (absl::StartsWith(addresses, "ipv4:") ||
      absl::StartsWith(addresses, "ipv6:")) {
    return {addresses};
  }
  std::vector<std::string> out;
  for (absl::string_view each : absl::StrSplit(addresses, ',')) {
    each = absl::StripAsciiWhitespace(each);
    if (!each.empty()) out.emplace_back(each);
  }
  return out;
}

}  // namespace pallet
