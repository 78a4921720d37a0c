// SPDX-License-Identifier: Apache-2.0
//
// Durable puts of 1 KB into a store of many rows, with 1, 64 or 256 writes
// waiting at a time, beside the two things each must do: the same bytes appended
// to a bare log and synced, and the same rows put into a bare image. Compare
// pairs of one run:
//
//   store_benchmark --benchmark_enable_random_interleaving
//     --benchmark_repetitions=9 --benchmark_report_aggregates_only
//
// "cpu" is microseconds of all threads of the process for one put. Rows are
// overwritten at random. PALLET_BENCH_ROWS sets how many there are,
// PALLET_BENCH_DIR where: a real disk, please.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "benchmark/benchmark.h"
#include "storage/checkpoint.h"
#include "storage/entry.h"
#include "storage/image.h"
#include "storage/key_codec.h"
#include "storage/log.h"
#include "storage/store.h"

namespace pallet::storage {
namespace {

constexpr size_t kItemBytes = 1000;
constexpr PartitionId kPartition{1};
constexpr KeyspaceId kKeyspace{1};

uint64_t RowCount() {
  const char* rows = std::getenv("PALLET_BENCH_ROWS");
  return rows != nullptr ? std::strtoull(rows, nullptr, 10) : 200'000;
}

std::string KeyOf(uint64_t number) {
  const model::KeyValue partition{model::ScalarType::kString,
                                  absl::StrCat("user#", number)};
  return RowKey(kKeyspace, {.partition = partition, .sort = {}}, 0);
}

std::string NewDirectory(const std::string& name) {
  const char* root = std::getenv("PALLET_BENCH_DIR");
  const std::string directory = absl::StrCat(
      root != nullptr ? root : std::filesystem::temp_directory_path().string(),
      "/store-benchmark-", name);
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory;
}

// Microseconds of CPU, kernel's included, of this process.
double CpuMicros() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

double ResidentBytes() {
  std::ifstream memory("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  memory >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class CpuMeter {
 public:
  explicit CpuMeter(benchmark::State& state)
      : state_(state), before_(CpuMicros()) {}
  ~CpuMeter() {
    state_.counters["cpu"] = (CpuMicros() - before_) / state_.iterations();
    state_.SetItemsProcessed(state_.iterations());
  }

 private:
  benchmark::State& state_;
  const double before_;
};

// Puts random rows until its share is done: each end begins the next.
class PutChain : public RowWrite {
 public:
  PutChain(Store* store, uint64_t seed, uint64_t puts,
           absl::BlockingCounter* open)
      : store_(store),
        random_(seed),
        puts_(puts),
        open_(open),
        key_(KeyOf(random_.Below(RowCount()))),
        item_(random_.Bytes(kItemBytes)) {}

  PartitionId partition() const override { return kPartition; }
  size_t byte_size() const override { return key_.size() + kItemBytes; }
  absl::Status Decide(WriteContext& context) override {
    context.Put(key_, item_, kItemBytes);
    return absl::OkStatus();
  }
  void Done(const absl::Status& status) override {
    CHECK_OK(status);
    if (puts_ <= 1) {
      open_->DecrementCount();
      return;
    }
    CHECK_OK(store_->Submit(
        std::make_unique<PutChain>(store_, random_.Next(), puts_ - 1, open_)));
  }

 private:
  Store* const store_;
  Random random_;
  const uint64_t puts_;
  absl::BlockingCounter* const open_;
  const std::string key_;
  const std::string item_;
};

void RunPuts(Store& store, uint64_t chains, uint64_t puts_each, uint64_t seed) {
  absl::BlockingCounter open(chains);
  for (uint64_t i = 0; i < chains; ++i) {
    CHECK_OK(store.Submit(
        std::make_unique<PutChain>(&store, seed + i, puts_each, &open)));
  }
  open.Wait();
}

std::unique_ptr<Store> OpenStore(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  auto opened = Store::Open(options);
  CHECK_OK(opened.status());
  return *std::move(opened);
}

// The store with all rows; whoever closes it opens it again.
struct LoadedStore {
  const std::string directory = NewDirectory("store");
  std::unique_ptr<Store> store = OpenStore(directory);

  static LoadedStore& Get() {
    static LoadedStore loaded;
    return loaded;
  }

 private:
  LoadedStore() {
    CHECK_OK(store->CreatePartition(kPartition, kKeyspace, {}));
    RunPuts(*store, 256, RowCount() / 256, 1);
  }
};

void BM_StorePuts(benchmark::State& state) {
  Store& store = *LoadedStore::Get().store;
  const uint64_t chains = state.range(0);
  const uint64_t batches = store.Metrics().batches;
  uint64_t seed = CpuMicros();
  CpuMeter meter(state);
  while (state.KeepRunningBatch(chains * 20)) {
    RunPuts(store, chains, 20, seed += 1000);
  }
  state.counters["batch"] =
      static_cast<double>(state.iterations()) /
      std::max<uint64_t>(1, store.Metrics().batches - batches);
}
BENCHMARK(BM_StorePuts)->Arg(1)->Arg(64)->Arg(256)->UseRealTime();

// A start after a clean close, whatever the number of rows.
void BM_Open(benchmark::State& state) {
  LoadedStore& loaded = LoadedStore::Get();
  for (auto _ : state) {
    loaded.store.reset();
    const absl::Duration before = Clock::Real()->Monotonic();
    loaded.store = OpenStore(loaded.directory);
    state.SetIterationTime(
        absl::ToDoubleSeconds(Clock::Real()->Monotonic() - before));
  }
}
BENCHMARK(BM_Open)->UseManualTime()->Unit(benchmark::kMillisecond);

// What so many idle partitions cost: memory of each, and a start with them.
void BM_OpenWithPartitions(benchmark::State& state) {
  const std::string directory = NewDirectory("partitions");
  std::unique_ptr<Store> store = OpenStore(directory);
  for (int64_t i = 1; i <= state.range(0); ++i) {
    CHECK_OK(store->CreatePartition(PartitionId(i), KeyspaceId(i), {}));
  }
  double without = 0, with = 0;
  const std::string empty = NewDirectory("no-partitions");
  for (auto _ : state) {
    store.reset();
    const double before = ResidentBytes();
    store = OpenStore(empty);
    without = ResidentBytes() - before;
    store.reset();
    const double before_many = ResidentBytes();
    const absl::Duration start = Clock::Real()->Monotonic();
    store = OpenStore(directory);
    state.SetIterationTime(
        absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start));
    with = ResidentBytes() - before_many;
  }
  state.counters["bytes_each"] = (with - without) / state.range(0);
}
BENCHMARK(BM_OpenWithPartitions)
    ->Arg(4000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// The same bytes, a frame of so many rows at a time.
void BM_BareLog(benchmark::State& state) {
  static const std::unique_ptr<Log> log = [] {
    LogOptions options;
    options.directory = NewDirectory("log");
    auto recovered =
        RecoverLog(FileSystem::Real(), options.directory, FrameNumber(0),
                   [](const FrameView&) { return absl::OkStatus(); });
    CHECK_OK(recovered.status());
    auto opened = Log::Open(options, *recovered);
    CHECK_OK(opened.status());
    return *std::move(opened);
  }();
  Random random(7);
  const std::string row = random.Bytes(kItemBytes + 14);
  EntryBuilder entry;
  FrameBuilder frame;
  CpuMeter meter(state);
  while (state.KeepRunningBatch(state.range(0))) {
    entry.Clear();
    for (int i = 0; i < state.range(0); ++i) {
      entry.Put(DatabaseId::kItems, KeyOf(random.Below(RowCount())), row);
    }
    frame.Add({RecordKind::kEntries, kPartition, 1, 0, entry.Finish({})});
    const auto number = log->Append(&frame);
    CHECK_OK(number.status());
    CHECK_OK(log->Sync());
    CHECK_OK(log->TruncateBefore(*number));
  }
}
BENCHMARK(BM_BareLog)->Arg(1)->Arg(64)->Arg(256)->UseRealTime();

// The same rows into an image, a transaction of so many at a time, read before
// as a put must, with checkpoints as often as a store makes them.
void BM_BareImage(benchmark::State& state) {
  static OpenedImage* const opened = [] {
    CheckpointOptions options;
    options.directory = NewDirectory("image");
    options.may_create = true;
    options.new_uuid = std::string(16, 'u');
    auto made = Checkpoints::Open(options);
    CHECK_OK(made.status());
    Random random(9);
    const std::string row = random.Bytes(kItemBytes + 14);
    for (uint64_t at = 0; at < RowCount(); at += 1000) {
      auto write = made->image->Write();
      CHECK_OK(write.status());
      for (uint64_t i = at; i < at + 1000; ++i) {
        CHECK_OK(write->Put(DatabaseId::kItems, KeyOf(i), row));
      }
      CHECK_OK(write->Commit());
    }
    return new OpenedImage(*std::move(made));
  }();
  Random random(11);
  const std::string row =
      EncodeRow({ChangeSeq(1), kItemBytes, std::string(kItemBytes, 'x')});
  CpuMeter meter(state);
  while (state.KeepRunningBatch(state.range(0))) {
    auto write = opened->image->Write();
    CHECK_OK(write.status());
    for (int i = 0; i < state.range(0); ++i) {
      const std::string key = KeyOf(random.Below(RowCount()));
      benchmark::DoNotOptimize(write->Get(DatabaseId::kItems, key));
      CHECK_OK(write->Put(DatabaseId::kItems, key, row));
    }
    CHECK_OK(write->Commit());
    if (*opened->checkpoints->AllocatedBytes() > (uint64_t{256} << 20)) {
      CHECK_OK(opened->checkpoints->Begin({}));
      CHECK_OK(opened->checkpoints->Finish([] { return absl::OkStatus(); }));
    }
  }
}
BENCHMARK(BM_BareImage)->Arg(1)->Arg(64)->Arg(256)->UseRealTime();

}  // namespace
}  // namespace pallet::storage
