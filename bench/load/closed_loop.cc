// SPDX-License-Identifier: Apache-2.0
#include "bench/load/closed_loop.h"

#include <utility>

#include "absl/synchronization/blocking_counter.h"

namespace pallet::bench {
namespace {

class Loop {
 public:
  Loop(const LoadOptions& options, StartOperation start)
      : options_(options),
        start_(std::move(start)),
        slots_(options.in_flight),
        running_(options.in_flight) {
    for (int i = 0; i < options.in_flight; ++i) {
      slots_[i] = std::make_unique<Slot>(options.seed * 1000003 + i);
    }
  }

  LoadResult Run() {
    const absl::Duration now = clock_->Monotonic();
    counted_from_ = now + options_.warm_up;
    stop_at_ = counted_from_ + options_.duration;
    for (int i = 0; i < options_.in_flight; ++i) StartNext(i);
    running_.Wait();
    LoadResult result;
    result.latency = latency_;
    result.elapsed = options_.duration;
    for (const auto& slot : slots_) {
      result.operations += slot->operations;
      result.failures += slot->failures;
      if (result.first_failure.ok()) result.first_failure = slot->failure;
    }
    return result;
  }

 private:
  // A slot is used by one operation at a time.
  struct Slot {
    explicit Slot(uint64_t seed) : random(seed) {}
    Random random;
    uint64_t operations = 0;
    uint64_t failures = 0;
    absl::Status failure;
    absl::Duration started;
  };

  void StartNext(int i) {
    Slot& slot = *slots_[i];
    slot.started = clock_->Monotonic();
    if (slot.started >= stop_at_) {
      running_.DecrementCount();
      return;
    }
    start_(i, slot.random,
           [this, i](absl::Status status) { Finish(i, std::move(status)); });
  }

  void Finish(int i, absl::Status status) {
    Slot& slot = *slots_[i];
    const absl::Duration now = clock_->Monotonic();
    if (!status.ok()) {
      ++slot.failures;
      if (slot.failure.ok()) slot.failure = std::move(status);
      // One that fails at once would otherwise recurse without end.
      if (slot.failures > 100) {
        running_.DecrementCount();
        return;
      }
    } else if (slot.started >= counted_from_ && now <= stop_at_) {
      ++slot.operations;
      latency_->Record(now - slot.started);
    }
    StartNext(i);
  }

  const LoadOptions options_;
  const StartOperation start_;
  Clock* const clock_ = Clock::Real();
  std::vector<std::unique_ptr<Slot>> slots_;
  const std::shared_ptr<Histogram> latency_ = std::make_shared<Histogram>();
  absl::BlockingCounter running_;
  absl::Duration counted_from_;
  absl::Duration stop_at_;
};

}  // namespace

LoadResult RunClosedLoop(const LoadOptions& options, StartOperation start) {
  return Loop(options, std::move(start)).Run();
}

}  // namespace pallet::bench
