// SPDX-License-Identifier: Apache-2.0
//
// index_benchmark: what global indexes cost the writes of their table, how fast
// they follow, and how long they take to fill; handlers, stores and propagator
// in one process, without a server. One measurement per run, printed as one
// line of JSON; bench/run makes the table.
//
//   writes    puts of random items, so many under way, while the indexes follow
//             (but for those that are paused); and how long they take for the
//             rest afterwards
//   lag       puts at a fixed rate; how long after the answer an index has them
//   catch-up  puts while all indexes are paused, until they have caught up
//   backfill  one index on a full table, and five in one pass, by turns
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/thread.h"
#include "bench/load/closed_loop.h"
#include "bench/load/records.h"
#include "cluster/partition_host.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/handlers/handlers.h"
#include "service/indexing.h"
#include "service/operation.h"
#include "service/position.h"

namespace pallet::bench {
namespace {

constexpr int kMaxIndexes = 25;    // every item has the attributes of so many
constexpr int kVersions = 2;       // of each item
constexpr uint64_t kKeys = 10000;  // of each index

struct Settings {
  std::string scenario;
  std::string directory;
  int indexes = 5;
  int paused = 0;  // of them
  bool keys_only = false;
  uint64_t records = 20000;
  size_t item_bytes = 1000;
  double rate = 1000;  // puts a second, of `lag`
  int rounds = 1;      // of `backfill`
  LoadOptions load;
};

void Pause(absl::Duration duration) {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(duration);
}

absl::Duration Now() { return Clock::Real()->Monotonic(); }

std::string NameOfIndex(int i) { return absl::StrCat("index", i); }

void AddIndexes(int first, int count, bool keys_only,
                storage::v1::TableRecord* table) {
  for (int i = first; i < first + count; ++i) {
    auto* index = table->add_global_indexes();
    index->set_name(NameOfIndex(i));
    index->set_projection(keys_only ? storage::v1::INDEX_PROJECTION_KEYS_ONLY
                                    : storage::v1::INDEX_PROJECTION_ALL);
    auto* key = index->add_key_schema();
    key->set_name(absl::StrCat("a", i));
    key->set_role(storage::v1::KEY_ROLE_PARTITION);
  }
}

storage::v1::TableRecord Definition() {
  storage::v1::TableRecord table;
  table.set_name(kTable);
  const auto add = [&table](const std::string& name) {
    auto* attribute = table.add_attribute_definitions();
    attribute->set_name(name);
    attribute->set_type(storage::v1::SCALAR_TYPE_STRING);
  };
  add("id");
  for (int i = 0; i < kMaxIndexes; ++i) add(absl::StrCat("a", i));
  auto* key = table.add_key_schema();
  key->set_name("id");
  key->set_role(storage::v1::KEY_ROLE_PARTITION);
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  return table;
}

class IndexedNode {
 public:
  explicit IndexedNode(const Settings& settings)
      : settings_(settings),
        callers_({.name = "caller", .threads = 2, .queue_limit = 1 << 20}) {
    cluster::PartitionHostOptions options;
    options.data_directory = settings.directory + "/node";
    options.open_store = storage::Store::Open;
    options.store_count = 2;
    host_ = cluster::PartitionHost::Open(std::move(options)).value();
    service::IndexingOptions indexing;
    indexing.host = host_.get();
    indexing_ = std::make_unique<service::Indexing>(indexing);
    service::RegisterHandlers({.host = host_.get(),
                               .read_pool = &read_pool_,
                               .control = &control_,
                               .index_keeper = indexing_.get()},
                              &operations_);
    CHECK_OK(host_->CreateTable(Definition()).status());
    Random random(settings.load.seed);
    const int versions = settings.scenario == "backfill" ? 1 : kVersions;
    for (uint64_t i = 0; i < settings.records * versions; ++i) {
      requests_.push_back(RequestOf(i % settings.records, random));
    }
  }

  ~IndexedNode() {
    callers_.Shutdown();
    indexing_ = nullptr;
    read_pool_.Shutdown();
    control_.Shutdown();
    host_ = nullptr;
    std::filesystem::remove_all(settings_.directory + "/node");
  }

  // Each item once.
  void Fill() {
    std::atomic<uint64_t> next = 0;
    std::vector<Thread> threads;
    for (int i = 0; i < 64; ++i) {
      threads.emplace_back("fill", [this, &next] {
        for (uint64_t n = next++; n < settings_.records; n = next++) {
          absl::Notification done;
          Put(requests_[n], [&done](absl::StatusOr<std::string> answer) {
            CHECK_OK(answer.status());
            done.Notify();
          });
          done.WaitForNotification();
        }
      });
    }
  }

  void AddIndexes(int first, int count) {
    const auto table =
        host_->UpdateTable(kTable, [&](storage::v1::TableRecord& record) {
          bench::AddIndexes(first, count, settings_.keys_only, &record);
          return absl::OkStatus();
        });
    CHECK_OK(table.status());
    CHECK_OK(indexing_->TableChanged(*table));
    while (!AllActive()) Pause(absl::Milliseconds(1));
  }

  void DropIndexes() {
    const auto table =
        host_->UpdateTable(kTable, [&](storage::v1::TableRecord& record) {
          record.clear_global_indexes();
          return absl::OkStatus();
        });
    CHECK_OK(table.status());
    CHECK_OK(indexing_->TableChanged(*table));
  }

  void PauseIndexes(int count, bool paused) {
    const cluster::TablePtr table = host_->FindTable(kTable);
    for (int i = 0; i < count; ++i) {
      indexing_->propagator().SetSwitch(table->global_indexes[i].id.value(),
                                        {paused, {}});
    }
  }

  // As many under way as the settings say, each a random item.
  LoadResult PutForAWhile() {
    return RunClosedLoop(
        settings_.load, [this](int, Random& random, auto done) {
          PutRandom(random, [done = std::move(done)](
                                absl::StatusOr<std::string> answer) mutable {
            done(answer.status());
          });
        });
  }

  // On a thread of the callers: an answer's thread has a store to serve.
  void PutRandom(Random& random, service::Reply done) {
    const std::string& request = requests_[random.Below(requests_.size())];
    CHECK(
        callers_.TrySubmit([this, &request, done = std::move(done)]() mutable {
          Put(request, std::move(done));
        }));
  }

  // Calls `done` when the index has all that `goal` asks for.
  void Await(int index, const service::FreshnessGoal& goal,
             absl::AnyInvocable<void(absl::Status)> done) {
    const cluster::TablePtr table = host_->FindTable(kTable);
    indexing_->AwaitFresh(table, table->global_indexes[index], goal,
                          absl::InfiniteDuration(), std::move(done));
  }

  void AwaitAll() {
    const size_t indexes = host_->FindTable(kTable)->global_indexes.size();
    for (size_t i = 0; i < indexes; ++i) {
      absl::Notification done;
      Await(static_cast<int>(i), {.strong = true}, [&](absl::Status status) {
        CHECK_OK(status);
        done.Notify();
      });
      done.WaitForNotification();
    }
  }

  // Rows written and deleted in the partitions of all indexes, ever.
  uint64_t Entries() {
    uint64_t entries = 0;
    for (const auto& index : host_->FindTable(kTable)->global_indexes) {
      for (const auto& partition : index.partitions) {
        entries += host_->store(partition.store)
                       .Partition(partition.id)
                       .value()
                       .change_seq.value();
      }
    }
    return entries;
  }

 private:
  std::string RequestOf(uint64_t number, Random& random) const {
    wire::v1::PutItemRequest request;
    request.set_table_name(kTable);
    Item item = Record(number, settings_.item_bytes - kMaxIndexes * 12, random);
    for (int i = 0; i < kMaxIndexes; ++i) {
      item.Set(absl::StrCat("a", i), absl::StrCat("v", random.Below(kKeys)));
    }
    request.set_item(item.Encode());
    return request.SerializeAsString();
  }

  void Put(const std::string& request, service::Reply done) {
    (*operations_.Find("PutItem"))(request, service::CallContext(),
                                   std::move(done));
  }

  bool AllActive() const {
    const cluster::TablePtr table = host_->FindTable(kTable);
    return std::all_of(table->global_indexes.begin(),
                       table->global_indexes.end(), [](const auto& index) {
                         return index.state == cluster::IndexState::kActive;
                       });
  }

  const Settings& settings_;
  Executor callers_;
  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<service::Indexing> indexing_;
  Executor read_pool_{{.name = "read", .threads = 2}};
  Executor control_{{.name = "control"}};
  service::OperationRegistry operations_;
  std::vector<std::string> requests_;
};

void Prepare(const Settings& settings, IndexedNode& node) {
  node.Fill();
  if (settings.indexes > 0) node.AddIndexes(0, settings.indexes);
  node.AwaitAll();
}

double Microseconds(const LoadResult& result, double quantile) {
  return absl::ToDoubleMicroseconds(result.latency->Quantile(quantile));
}

int RunWrites(const Settings& settings) {
  IndexedNode node(settings);
  Prepare(settings, node);
  if (settings.paused > 0) node.PauseIndexes(settings.paused, true);
  const uint64_t before = node.Entries();
  const absl::Duration begin = Now();
  const LoadResult result = node.PutForAWhile();
  CHECK_EQ(result.failures, 0u) << result.first_failure;
  const absl::Duration ran = Now() - begin;
  if (settings.paused == 0) node.AwaitAll();
  const absl::Duration all = Now() - begin;
  const uint64_t entries = node.Entries() - before;
  const double changes = result.Rate() * absl::ToDoubleSeconds(ran);
  std::printf(
      "{\"scenario\": \"writes\", \"indexes\": %d, \"paused\": %d, "
      "\"operations\": %lu, \"rate\": %.0f, \"p50_us\": %.0f, \"p99_us\": "
      "%.0f, \"entries_per_s\": %.0f, \"sustained\": %.0f, \"drain_s\": "
      "%.2f}\n",
      settings.indexes, settings.paused, result.operations, result.Rate(),
      Microseconds(result, 0.5), Microseconds(result, 0.99),
      entries / absl::ToDoubleSeconds(all),
      changes / absl::ToDoubleSeconds(all), absl::ToDoubleSeconds(all - ran));
  return 0;
}

// Puts at a rate, whatever the answers do, and asks of some of them when an
// index has them.
int RunLag(const Settings& settings) {
  constexpr uint64_t kEvery = 7;  // is asked for
  IndexedNode node(settings);
  Prepare(settings, node);
  Random random(settings.load.seed + 1);
  Histogram lag, latency;
  std::atomic<uint64_t> open = 0, failures = 0;
  const absl::Duration begin = Now();
  const absl::Duration counted = begin + settings.load.warm_up;
  const absl::Duration end = counted + settings.load.duration;
  uint64_t started = 0, most_open = 0;
  while (Now() < end) {
    const auto due = static_cast<uint64_t>(
        absl::ToDoubleSeconds(Now() - begin) * settings.rate);
    for (; started < due; ++started) {
      const absl::Duration put_at = Now();
      const int index = static_cast<int>(random.Below(settings.indexes));
      const bool asked = started % kEvery == 0;
      ++open;
      node.PutRandom(random, [&, put_at, index,
                              asked](absl::StatusOr<std::string> answer) {
        const absl::Duration answered = Now();
        if (put_at >= counted) latency.Record(answered - put_at);
        wire::v1::PutItemResponse response;
        if (!answer.ok() || !response.ParseFromString(*answer)) {
          ++failures;
          --open;
          return;
        }
        if (!asked) {
          --open;
          return;
        }
        service::FreshnessGoal goal;
        goal.positions.push_back(
            service::DecodePosition(response.position()).value());
        node.Await(index, goal, [&, answered](absl::Status status) {
          CHECK_OK(status);
          if (answered >= counted) lag.Record(Now() - answered);
          --open;
        });
      });
    }
    most_open = std::max<uint64_t>(most_open, open);
    Pause(absl::Microseconds(500));
  }
  while (open > 0) Pause(absl::Milliseconds(1));
  CHECK_EQ(failures, 0u);
  const auto ms = [](const Histogram& histogram, double quantile) {
    return absl::ToDoubleMilliseconds(histogram.Quantile(quantile));
  };
  std::printf(
      "{\"scenario\": \"lag\", \"indexes\": %d, \"rate\": %.0f, "
      "\"lag_p50_ms\": "
      "%.2f, \"lag_p99_ms\": %.2f, \"put_p50_us\": %.0f, \"put_p99_us\": %.0f, "
      "\"most_open\": %lu}\n",
      settings.indexes, started / absl::ToDoubleSeconds(end - begin),
      ms(lag, 0.5), ms(lag, 0.99), ms(latency, 0.5) * 1000,
      ms(latency, 0.99) * 1000, most_open);
  return 0;
}

int RunCatchUp(const Settings& settings) {
  IndexedNode node(settings);
  Prepare(settings, node);
  node.PauseIndexes(settings.indexes, true);
  const LoadResult result = node.PutForAWhile();
  CHECK_EQ(result.failures, 0u) << result.first_failure;
  const double changes =
      result.Rate() *
      absl::ToDoubleSeconds(settings.load.duration + settings.load.warm_up);
  const uint64_t before = node.Entries();
  const absl::Duration begin = Now();
  node.PauseIndexes(settings.indexes, false);
  node.AwaitAll();
  const double seconds = absl::ToDoubleSeconds(Now() - begin);
  std::printf(
      "{\"scenario\": \"catch-up\", \"indexes\": %d, \"arrived_per_s\": %.0f, "
      "\"changes\": %.0f, \"seconds\": %.2f, \"caught_up_per_s\": %.0f, "
      "\"entries_per_s\": %.0f}\n",
      settings.indexes, result.Rate(), changes, seconds, changes / seconds,
      (node.Entries() - before) / seconds);
  return 0;
}

int RunBackfill(const Settings& settings) {
  IndexedNode node(settings);
  node.Fill();
  std::vector<double> one, five;
  for (int round = 0; round < settings.rounds; ++round) {
    for (const int count : {1, 5}) {
      const absl::Duration begin = Now();
      node.AddIndexes(0, count);
      (count == 1 ? one : five).push_back(absl::ToDoubleSeconds(Now() - begin));
      node.DropIndexes();
    }
  }
  std::printf(
      "{\"scenario\": \"backfill\", \"records\": %lu, \"one_s\": [%s], "
      "\"five_s\": [%s]}\n",
      settings.records, absl::StrJoin(one, ", ").c_str(),
      absl::StrJoin(five, ", ").c_str());
  return 0;
}

int Run(const Settings& settings) {
  if (settings.scenario == "writes") return RunWrites(settings);
  if (settings.scenario == "lag") return RunLag(settings);
  if (settings.scenario == "catch-up") return RunCatchUp(settings);
  if (settings.scenario == "backfill") return RunBackfill(settings);
  std::fprintf(stderr, "no scenario %s\n", settings.scenario.c_str());
  return 2;
}

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  // As palletd does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  pallet::Logger::Real()->set_level(pallet::LogLevel::kWarning);
  pallet::bench::Settings settings;
  settings.load.in_flight = 256;
  double seconds = 4;
  CLI::App app("Global indexes in one process");
  app.add_option("scenario", settings.scenario,
                 "writes, lag, catch-up or backfill")
      ->required();
  app.add_option("--dir", settings.directory, "a directory for the data")
      ->required();
  app.add_option("--indexes", settings.indexes, "of the table");
  app.add_option("--paused", settings.paused, "of the indexes, in `writes`");
  app.add_flag("--keys-only", settings.keys_only, "entries without the rest");
  app.add_option("--records", settings.records, "items of the table");
  app.add_option("--item-bytes", settings.item_bytes, "bytes of an item");
  app.add_option("--in-flight", settings.load.in_flight, "puts at once");
  app.add_option("--rate", settings.rate, "puts a second, in `lag`");
  app.add_option("--rounds", settings.rounds, "of `backfill`");
  app.add_option("--seconds", seconds, "measured time");
  app.add_option("--seed", settings.load.seed, "of the random choices");
  CLI11_PARSE(app, argc, argv);
  settings.load.duration = absl::Seconds(seconds);
  return pallet::bench::Run(settings);
}
