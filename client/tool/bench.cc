// SPDX-License-Identifier: Apache-2.0
//
// A small load generator: a fixed number of operations is always under way, on
// random keys, for a given time.
#include <array>
#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "client/tool/commands.h"
#include "client/tool/text_table.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

// Counts of latencies in buckets 1/16 of a power of two wide: percentiles are
// right to about 4 %. Thread-safe.
class Latencies {
 public:
  void Add(absl::Duration latency) {
    const double us = std::max(1.0, absl::ToDoubleMicroseconds(latency));
    const size_t bucket = static_cast<size_t>(std::log2(us) * kPerDoubling);
    ++counts_[std::min(bucket, counts_.size() - 1)];
  }

  int64_t count() const {
    int64_t sum = 0;
    for (const auto& count : counts_) sum += count;
    return sum;
  }

  // In milliseconds, as text.
  std::string Percentile(double fraction) const {
    const int64_t wanted = static_cast<int64_t>(fraction * count());
    int64_t seen = 0;
    size_t bucket = 0;
    while (bucket + 1 < counts_.size() && (seen += counts_[bucket]) <= wanted) {
      ++bucket;
    }
    return absl::StrFormat("%.3f",
                           std::exp2((bucket + 0.5) / kPerDoubling) / 1000);
  }

 private:
  static constexpr int kPerDoubling = 16;
  std::array<std::atomic<int64_t>, 32 * kPerDoubling> counts_ = {};
};

// What went wrong. Thread-safe.
class Failures {
 public:
  void Add(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    ++count_;
    first_.Update(status);
  }
  int64_t count() const {
    absl::MutexLock lock(&mutex_);
    return count_;
  }
  absl::Status first() const {
    absl::MutexLock lock(&mutex_);
    return first_;
  }

 private:
  mutable absl::Mutex mutex_;
  int64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status first_ ABSL_GUARDED_BY(mutex_);
};

// One operation under way at any time until told to stop.
class Lane {
 public:
  Lane(Session* session, const BenchOptions& options, uint64_t seed,
       const std::string& value, Latencies* latencies, Failures* failures,
       const std::atomic<bool>* stop, absl::BlockingCounter* ended)
      : client_(session->client),
        clock_(*session->clock),
        options_(options),
        value_(value),
        random_(seed),
        latencies_(*latencies),
        failures_(*failures),
        stop_(*stop),
        ended_(*ended) {}

  void Next() {
    if (stop_.load(std::memory_order_relaxed)) {
      ended_.DecrementCount();
      return;
    }
    start_ = clock_.Monotonic();
    const int64_t key = random_.Below(options_.items);
    const bool is_read =
        options_.operation == "get" ||
        (options_.operation == "mixed" && random_.Below(100) < 95);
    if (is_read) {
      client_.GetItemAsync({.table = options_.table, .key = KeyOf(key)},
                           [this](absl::StatusOr<GetItemResponse> response) {
                             absl::Status status = response.status();
                             if (status.ok() && !response->item) {
                               status = absl::NotFoundError("no such item");
                             }
                             Count(status);
                           });
    } else {
      client_.PutItemAsync(
          {.table = options_.table, .item = ItemOf(key, value_)},
          [this](absl::StatusOr<PutItemResponse> response) {
            Count(response.status());
          });
    }
  }

  static Item KeyOf(int64_t key) { return {{"id", absl::StrCat("key-", key)}}; }
  static Item ItemOf(int64_t key, const std::string& value) {
    return KeyOf(key).Set("value", value);
  }

 private:
  void Count(const absl::Status& status) {
    latencies_.Add(clock_.Monotonic() - start_);
    if (!status.ok()) failures_.Add(status);
    Next();
  }

  Client client_;
  Clock& clock_;
  const BenchOptions& options_;
  const std::string& value_;
  Random random_;
  Latencies& latencies_;
  Failures& failures_;
  const std::atomic<bool>& stop_;
  absl::BlockingCounter& ended_;
  absl::Duration start_;
};

absl::Status Fill(Session& session, const BenchOptions& options,
                  const std::string& value) {
  const auto table = session.client.CreateTable(
      {.table = options.table, .key = {.partition = {.name = "id"}}});
  if (!table.ok() &&
      model::ReasonOf(table.status()) != model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  absl::Mutex mutex;
  int64_t left = options.items;
  int64_t under_way = 0;
  absl::Status first_error;
  for (int64_t key = 0; key < options.items; ++key) {
    {
      absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(
          +[](int64_t* under_way) { return *under_way < 256; }, &under_way));
      ++under_way;
    }
    session.client.PutItemAsync(
        {.table = options.table, .item = Lane::ItemOf(key, value)},
        [&](absl::StatusOr<PutItemResponse> response) {
          absl::MutexLock lock(&mutex);
          first_error.Update(response.status());
          --under_way;
          --left;
        });
  }
  absl::MutexLock lock(&mutex);
  mutex.Await(absl::Condition(
      +[](int64_t* left) { return *left == 0; }, &left));
  return first_error;
}

void Report(Session& session, const BenchOptions& options,
            const Latencies& latencies, const Failures& failures,
            absl::Duration elapsed) {
  const int64_t count = latencies.count();
  session.output.PrintFields(
      {{"operation", options.operation},
       {"in_flight", options.in_flight},
       {"operations", count},
       {"per_second",
        static_cast<int64_t>(count / absl::ToDoubleSeconds(elapsed))},
       {"failures", failures.count()},
       {"p50_ms", *Number::Parse(latencies.Percentile(0.5))},
       {"p99_ms", *Number::Parse(latencies.Percentile(0.99))},
       {"p99.9_ms", *Number::Parse(latencies.Percentile(0.999))}});
  if (failures.count() > 0) {
    session.output.Say(
        absl::StrCat("the first failure: ", failures.first().ToString()));
  }
}

}  // namespace

int Bench(Session& session, const BenchOptions& options) {
  const std::string value(options.value_bytes, 'v');
  session.output.Say(absl::StrCat("writing ", WithThousands(options.items),
                                  " items to ", options.table));
  if (absl::Status status = Fill(session, options, value); !status.ok()) {
    return session.output.Fail(status);
  }
  Latencies latencies;
  Failures failures;
  std::atomic<bool> stop = false;
  absl::BlockingCounter ended(options.in_flight);
  std::vector<std::unique_ptr<Lane>> lanes;
  const absl::Duration start = session.clock->Monotonic();
  for (int i = 0; i < options.in_flight; ++i) {
    lanes.push_back(std::make_unique<Lane>(
        &session, options, i + 1, value, &latencies, &failures, &stop, &ended));
    lanes.back()->Next();
  }
  absl::Notification never;
  never.WaitForNotificationWithTimeout(options.duration);
  stop = true;
  ended.Wait();
  Report(session, options, latencies, failures,
         session.clock->Monotonic() - start);
  if (!options.keep) {
    (void)session.client.DeleteTable({.table = options.table});
  }
  return failures.count() == 0 ? kDone : kFailed;
}

}  // namespace pallet::tool
