// SPDX-License-Identifier: Apache-2.0
//
// pallet_feed: one measurement of what follows a table, printed as one line of
// JSON.
//
//   watch   from the call of a PutItem to its change at each watcher
//   stream  GetRecords of all that a stream has, one shard after the other
//   ttl     from an item's time to live to its removal in the stream
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "bench/load/closed_loop.h"
#include "bench/load/histogram.h"
#include "bench/load/records.h"
#include "client/client.h"
#include "pallet/v1/change_service.grpc.pb.h"

namespace pallet::bench {
namespace {

constexpr char kFeed[] = "bench_feed";
constexpr int kPage = 1000;  // records of one GetRecords

struct Settings {
  std::string what;
  std::string address = "127.0.0.1:8001";
  int watchers = 1;
  double rate = 200;  // writes, or expiries, per second
  double seconds = 5;
  size_t item_bytes = 1000;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

absl::Status MakeFeed(Client& client) {
  const absl::Status dropped = client.DeleteTable({.table = kFeed}).status();
  if (!dropped.ok() && !absl::IsNotFound(dropped)) return dropped;
  return client
      .CreateTable({.table = kFeed,
                    .key = {.partition = {"id", ScalarType::kString}},
                    .stream = StreamView::kNewAndOldImages})
      .status();
}

// The number in an attribute of a change's item.
int64_t NumberOf(const std::optional<Item>& item, absl::string_view name) {
  if (!item.has_value()) return 0;
  const Number* const number = item->at(name).AsNumber();
  CHECK(number != nullptr && number->ToInt64().has_value());
  return *number->ToInt64();
}

long Microseconds(const Histogram& histogram, double quantile) {
  return absl::ToInt64Microseconds(histogram.Quantile(quantile));
}

// Starts an operation again and again, at an even pace.
class Pace {
 public:
  explicit Pace(double rate) : step_(absl::Seconds(1) / rate) {}

  void Wait() {
    next_ += step_;
    absl::Mutex mutex;
    absl::MutexLock lock(&mutex);
    mutex.AwaitWithTimeout(absl::Condition(
                               +[](bool* never) { return *never; }, &never_),
                           next_ - Clock::Real()->Monotonic());
  }

 private:
  const absl::Duration step_;
  absl::Duration next_ = Clock::Real()->Monotonic();
  bool never_ = false;
};

// Reads a watch on a thread of its own until it has seen `total` changes.
class Watcher {
 public:
  Watcher(Client& client, uint64_t total,
          std::function<void(const Change&)> heard)
      : stream_(client.Watch({.table = kFeed})),
        total_(total),
        heard_(std::move(heard)) {}

  // Returns once the watch has begun.
  void Start() {
    thread_ = Thread("watcher", [this] { Run(); });
    begun_.Wait();
  }

  void Join() { thread_.Join(); }

 private:
  void Run() {
    bool first = true;
    for (uint64_t seen = 0; seen < total_;) {
      const absl::StatusOr<WatchBatch> batch = stream_->Read();
      CHECK(batch.ok()) << batch.status();
      // A watch from now on says first where that is.
      if (std::exchange(first, false)) begun_.DecrementCount();
      for (const Change& change : batch->changes) heard_(change);
      seen += batch->changes.size();
    }
  }

  const std::unique_ptr<WatchStream> stream_;
  const uint64_t total_;
  const std::function<void(const Change&)> heard_;
  absl::BlockingCounter begun_{1};
  Thread thread_;
};

int RunWatch(const Settings& settings) {
  Client client = *Client::Connect({.address = settings.address});
  if (const absl::Status made = MakeFeed(client); !made.ok()) return Fail(made);
  Clock* const clock = Clock::Real();
  const auto total = static_cast<uint64_t>(settings.rate * settings.seconds);
  Histogram delivery, put;
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < settings.watchers; ++i) {
    watchers.push_back(
        std::make_unique<Watcher>(client, total, [&](const Change& change) {
          const absl::Duration sent =
              absl::Nanoseconds(NumberOf(change.new_item, "sent"));
          delivery.Record(clock->Monotonic() - sent);
        }));
    watchers.back()->Start();
  }
  Pace pace(settings.rate);
  Random random(1);
  absl::BlockingCounter running(static_cast<int>(total));
  std::atomic<uint64_t> failures{0};
  for (uint64_t i = 0; i < total; ++i) {
    pace.Wait();
    const absl::Duration sent = clock->Monotonic();
    Item item = Record(i % 1000, settings.item_bytes, random);
    item.Set("sent", absl::ToInt64Nanoseconds(sent));
    client.PutItemAsync({.table = kFeed, .item = std::move(item)},
                        [&, sent](auto written) {
                          put.Record(clock->Monotonic() - sent);
                          if (!written.ok()) ++failures;
                          running.DecrementCount();
                        });
  }
  running.Wait();
  for (const auto& watcher : watchers) watcher->Join();
  std::printf(
      "{\"what\": \"watch\", \"watchers\": %d, \"deliveries\": %lu, "
      "\"put_p50_us\": %ld, \"put_p99_us\": %ld, \"p50_us\": %ld, \"p99_us\": "
      "%ld, \"failures\": %lu}\n",
      settings.watchers, delivery.count(), Microseconds(put, 0.5),
      Microseconds(put, 0.99), Microseconds(delivery, 0.5),
      Microseconds(delivery, 0.99), failures.load());
  return failures == 0 ? 0 : 1;
}

// All records of a shard.
uint64_t ReadShard(v1::ChangeService::Stub& stub, const std::string& arn,
                   const std::string& shard, uint64_t expected) {
  v1::GetShardIteratorRequest begin;
  begin.set_stream_arn(arn);
  begin.set_shard_id(shard);
  begin.set_shard_iterator_type(v1::SHARD_ITERATOR_TYPE_TRIM_HORIZON);
  v1::GetShardIteratorResponse iterator;
  grpc::ClientContext first_context;
  CHECK(stub.GetShardIterator(&first_context, begin, &iterator).ok());
  v1::GetRecordsRequest request;
  request.set_limit(kPage);
  request.set_shard_iterator(iterator.shard_iterator());
  uint64_t count = 0;
  while (count < expected) {
    grpc::ClientContext context;
    v1::GetRecordsResponse page;
    const grpc::Status status = stub.GetRecords(&context, request, &page);
    CHECK(status.ok()) << status.error_message();
    if (page.records().empty()) return count;
    count += page.records_size();
    request.set_shard_iterator(page.next_shard_iterator());
  }
  return count;
}

int RunStream(const Settings& settings) {
  Client client = *Client::Connect({.address = settings.address});
  if (const absl::Status made = MakeFeed(client); !made.ok()) return Fail(made);
  std::atomic<uint64_t> next{0};
  const LoadResult filled = RunClosedLoop(
      {.in_flight = 128,
       .duration = absl::Seconds(settings.seconds),
       .warm_up = absl::ZeroDuration()},
      [&](int, Random& random, auto done) {
        client.PutItemAsync(
            {.table = kFeed,
             .item = Record(next++, settings.item_bytes, random)},
            [done = std::move(done)](auto put) mutable { done(put.status()); });
      });
  if (filled.failures > 0) return Fail(filled.first_failure);
  const auto table = client.DescribeTable({.table = kFeed});
  if (!table.ok()) return Fail(table.status());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  const auto stub = v1::ChangeService::NewStub(grpc::CreateCustomChannel(
      settings.address, grpc::InsecureChannelCredentials(), arguments));
  v1::DescribeStreamRequest describe;
  describe.set_stream_arn(table->latest_stream_arn);
  v1::DescribeStreamResponse stream;
  grpc::ClientContext context;
  const grpc::Status described =
      stub->DescribeStream(&context, describe, &stream);
  CHECK(described.ok()) << described.error_message();
  const absl::Duration started = Clock::Real()->Monotonic();
  uint64_t count = 0;
  for (const v1::Shard& shard : stream.stream_description().shards()) {
    count += ReadShard(*stub, describe.stream_arn(), shard.shard_id(), next);
  }
  const double seconds =
      absl::ToDoubleSeconds(Clock::Real()->Monotonic() - started);
  std::printf(
      "{\"what\": \"stream\", \"records\": %lu, \"writes_per_s\": %.0f, "
      "\"rate\": %.0f}\n",
      count, next / settings.seconds, count / seconds);
  return count == next ? 0 : 1;
}

int RunTtl(const Settings& settings) {
  Client client = *Client::Connect({.address = settings.address});
  if (const absl::Status made = MakeFeed(client); !made.ok()) return Fail(made);
  const auto enabled =
      client.UpdateTimeToLive({.table = kFeed, .attribute = "due"});
  if (!enabled.ok()) return Fail(enabled.status());
  Clock* const clock = Clock::Real();
  const auto total = static_cast<uint64_t>(settings.rate * settings.seconds);
  // Time enough to write them all before the first is due.
  const int64_t first = absl::ToUnixSeconds(clock->Now()) + 5 +
                        static_cast<int64_t>(total) / 5000;
  Histogram late;
  std::atomic<uint64_t> early{0};
  // It hears of each item twice: written, and removed.
  Watcher watcher(client, 2 * total, [&](const Change& change) {
    if (change.kind != ChangeKind::kRemove) return;
    CHECK(change.by_service);
    const absl::Duration after =
        clock->Now() - absl::FromUnixSeconds(NumberOf(change.old_item, "due"));
    if (after < absl::ZeroDuration()) ++early;
    late.Record(after);
  });
  watcher.Start();
  std::atomic<uint64_t> next{0};
  absl::BlockingCounter slots(64);
  std::function<void()> write = [&] {
    const uint64_t i = next++;
    if (i >= total) {
      slots.DecrementCount();
      return;
    }
    Random random(i + 1);
    Item item = Record(i, settings.item_bytes, random);
    item.Set("due", first + static_cast<int64_t>(i / settings.rate));
    client.PutItemAsync({.table = kFeed, .item = std::move(item)},
                        [&](auto written) {
                          CHECK(written.ok()) << written.status();
                          write();
                        });
  };
  for (int i = 0; i < 64; ++i) write();
  slots.Wait();
  watcher.Join();
  std::printf(
      "{\"what\": \"ttl\", \"items\": %lu, \"early\": %lu, \"p50_ms\": %.1f, "
      "\"p99_ms\": %.1f, \"max_ms\": %.1f}\n",
      late.count(), early.load(), Microseconds(late, 0.5) / 1e3,
      Microseconds(late, 0.99) / 1e3, Microseconds(late, 1 - 1e-9) / 1e3);
  return early == 0 ? 0 : 1;
}

int Run(const Settings& settings) {
  if (settings.what == "watch") return RunWatch(settings);
  if (settings.what == "stream") return RunStream(settings);
  if (settings.what == "ttl") return RunTtl(settings);
  std::fprintf(stderr, "no measurement %s\n", settings.what.c_str());
  return 2;
}

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  pallet::bench::Settings settings;
  CLI::App app("One measurement of what follows a table");
  app.add_option("what", settings.what, "watch, stream or ttl")->required();
  app.add_option("--address", settings.address, "host:port");
  app.add_option("--watchers", settings.watchers, "at once");
  app.add_option("--rate", settings.rate, "writes, or expiries, per second");
  app.add_option("--seconds", settings.seconds, "of writes, or of expiries");
  app.add_option("--item-bytes", settings.item_bytes, "bytes of a record");
  CLI11_PARSE(app, argc, argv);
  return pallet::bench::Run(settings);
}
