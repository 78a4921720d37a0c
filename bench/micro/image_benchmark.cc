// SPDX-License-Identifier: Apache-2.0
//
// What the image costs beside bare LMDB: the same rows, the same order of
// loading, the same reads, each value copied out. Compare pairs of one run:
//
//   image_benchmark --benchmark_enable_random_interleaving
//     --benchmark_repetitions=9 --benchmark_report_aggregates_only
//
// Cold scans (bare with and without the kernel's read-ahead, and ours) drop the
// file from the page cache first; they need a disk, not a RAM file system.
// PALLET_BENCH_ROWS sets the number of rows, PALLET_BENCH_DIR where they are.
#include <fcntl.h>
#include <lmdb.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/random.h"
#include "benchmark/benchmark.h"
#include "storage/checkpoint.h"
#include "storage/image.h"
#include "storage/key_codec.h"

namespace pallet::storage {
namespace {

constexpr size_t kItemBytes = 1000;
constexpr uint64_t kMapSize = uint64_t{64} << 30;

uint64_t RowCount() {
  const char* rows = std::getenv("PALLET_BENCH_ROWS");
  return rows != nullptr ? std::strtoull(rows, nullptr, 10) : 200000;
}

// Rows are spread by their hash, as those of a table are.
std::string KeyOf(uint64_t number) {
  const model::KeyValue partition{model::ScalarType::kString,
                                  "user#" + std::to_string(number)};
  const model::KeyValue sort{model::ScalarType::kString, "profile"};
  return RowKey(KeyspaceId(1), {.partition = partition, .sort = sort}, 0);
}

void Check(int code) { CHECK_EQ(code, MDB_SUCCESS) << mdb_strerror(code); }

// Both stores, loaded once.
class Stores {
 public:
  static Stores& Get() {
    static Stores stores;
    return stores;
  }

  Image& image() { return *opened_.image; }
  std::string image_file() const { return directory_ + "/ours/image/data.mdb"; }
  std::string bare_file() const { return directory_ + "/bare/data.mdb"; }
  MDB_env* bare() const { return bare_; }
  MDB_dbi database() const { return database_; }

  // Pages that are in nobody's map can be dropped from the page cache.
  void ReopenImage() {
    opened_ = {};
    opened_ = Checkpoints::Open(
                  {.directory = directory_ + "/ours", .map_size = kMapSize})
                  .value();
  }

  // The bare environment again, with the kernel's read-ahead or without.
  void ReopenBare(bool kernel_read_ahead) {
    if (bare_ != nullptr) mdb_env_close(bare_);
    const std::string directory = directory_ + "/bare";
    std::filesystem::create_directories(directory);
    Check(mdb_env_create(&bare_));
    Check(mdb_env_set_mapsize(bare_, kMapSize));
    Check(mdb_env_set_maxdbs(bare_, 1));
    Check(mdb_env_open(
        bare_, directory.c_str(),
        MDB_NOTLS | MDB_NOSYNC | (kernel_read_ahead ? 0 : MDB_NORDAHEAD),
        0600));
    MDB_txn* transaction;
    Check(mdb_txn_begin(bare_, nullptr, 0, &transaction));
    Check(mdb_dbi_open(transaction, "items", MDB_CREATE, &database_));
    Check(mdb_txn_commit(transaction));
  }

 private:
  Stores() {
    const char* given = std::getenv("PALLET_BENCH_DIR");
    directory_ = given != nullptr ? given : "/tmp/pallet-image-benchmark";
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_ + "/ours");
    opened_ = Checkpoints::Open({.directory = directory_ + "/ours",
                                 .map_size = kMapSize,
                                 .may_create = true,
                                 .new_uuid = "0123456789abcdef"})
                  .value();
    ReopenBare(false);
    LoadBoth();
  }
  ~Stores() {
    mdb_env_close(bare_);
    opened_ = {};
    std::filesystem::remove_all(directory_);
  }

  void TakeCheckpoint() {
    CHECK_OK(opened_.checkpoints->Begin({}));
    CHECK_OK(opened_.checkpoints->Finish([] { return absl::OkStatus(); }));
  }

  void LoadBoth() {
    Random random(1);
    const uint64_t rows = RowCount();
    for (uint64_t first = 0; first < rows; first += 1000) {
      ImageWrite write = image().Write().value();
      MDB_txn* transaction;
      Check(mdb_txn_begin(bare_, nullptr, 0, &transaction));
      for (uint64_t i = first; i < std::min(first + 1000, rows); ++i) {
        std::string key = KeyOf(i);
        std::string item = random.Bytes(kItemBytes);
        CHECK_OK(write.Put(DatabaseId::kItems, key,
                           EncodeRow({.item_size = kItemBytes, .item = item})));
        MDB_val bare_key{key.size(), key.data()};
        MDB_val value{item.size(), item.data()};
        Check(mdb_put(transaction, database_, &bare_key, &value, 0));
      }
      CHECK_OK(write.Commit());
      Check(mdb_txn_commit(transaction));
      // Now and then, or the image would be mostly pages the pin holds.
      if (first % 10000 == 0) TakeCheckpoint();
    }
    TakeCheckpoint();
    Check(mdb_env_sync(bare_, 1));
  }

  std::string directory_;
  OpenedImage opened_;
  MDB_env* bare_ = nullptr;
  MDB_dbi database_ = 0;
};

void DropFromPageCache(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  CHECK_GE(file, 0);
  CHECK_EQ(fsync(file), 0);
  CHECK_EQ(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
  close(file);
}

// What a reader does with an item: copies it away.
class Sink {
 public:
  void Take(const void* bytes, size_t size) {
    if (buffer_.size() + size > (1 << 20)) buffer_.clear();
    buffer_.append(static_cast<const char*>(bytes), size);
    benchmark::DoNotOptimize(buffer_.data());
  }

 private:
  std::string buffer_;
};

void BM_BareGet(benchmark::State& state) {
  Stores& stores = Stores::Get();
  Random random(2);
  Sink sink;
  MDB_txn* transaction;
  Check(mdb_txn_begin(stores.bare(), nullptr, MDB_RDONLY, &transaction));
  mdb_txn_reset(transaction);
  for (auto _ : state) {
    const std::string key = KeyOf(random.Below(RowCount()));
    MDB_val bare_key{key.size(), const_cast<char*>(key.data())};
    MDB_val value;
    Check(mdb_txn_renew(transaction));
    Check(mdb_get(transaction, stores.database(), &bare_key, &value));
    sink.Take(value.mv_data, value.mv_size);
    mdb_txn_reset(transaction);
  }
  mdb_txn_abort(transaction);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_BareGet);

void BM_ImageGet(benchmark::State& state) {
  Stores& stores = Stores::Get();
  Random random(2);
  Sink sink;
  for (auto _ : state) {
    const std::string key = KeyOf(random.Below(RowCount()));
    ImageRead read = stores.image().Read().value();
    const RowView row = **read.Get(key);
    sink.Take(row.item.data(), row.item.size());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ImageGet);

// The keys alone, to be taken off both.
void BM_MakeKey(benchmark::State& state) {
  Random random(2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(KeyOf(random.Below(RowCount())));
  }
}
BENCHMARK(BM_MakeKey);

uint64_t ScanBare(Sink& sink) {
  Stores& stores = Stores::Get();
  MDB_txn* transaction;
  MDB_cursor* cursor;
  Check(mdb_txn_begin(stores.bare(), nullptr, MDB_RDONLY, &transaction));
  Check(mdb_cursor_open(transaction, stores.database(), &cursor));
  MDB_val key, value;
  uint64_t rows = 0;
  while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
    sink.Take(value.mv_data, value.mv_size);
    ++rows;
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(transaction);
  CHECK_EQ(rows, RowCount());
  return rows;
}

uint64_t ScanImage(Sink& sink) {
  ImageRead read = Stores::Get().image().Read().value();
  const std::unique_ptr<RowCursor> cursor = read.Cursor("", "");
  uint64_t rows = 0;
  CHECK_OK(cursor->SeekAtOrAfter(""));
  while (cursor->Valid()) {
    const RowView row = cursor->row();
    sink.Take(row.item.data(), row.item.size());
    ++rows;
    CHECK_OK(cursor->Next());
  }
  CHECK_EQ(rows, RowCount());
  return rows;
}

void BM_BareScan(benchmark::State& state) {
  Stores::Get();
  Sink sink;
  uint64_t rows = 0;
  for (auto _ : state) rows += ScanBare(sink);
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK(BM_BareScan)->Unit(benchmark::kMillisecond);

void BM_ImageScan(benchmark::State& state) {
  Stores::Get();
  Sink sink;
  uint64_t rows = 0;
  for (auto _ : state) rows += ScanImage(sink);
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}
BENCHMARK(BM_ImageScan)->Unit(benchmark::kMillisecond);

void BM_BareColdScan(benchmark::State& state) {
  Stores& stores = Stores::Get();
  Sink sink;
  for (auto _ : state) {
    state.PauseTiming();
    stores.ReopenBare(state.range(0) != 0);
    DropFromPageCache(stores.bare_file());
    state.ResumeTiming();
    ScanBare(sink);
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(RowCount()));
  stores.ReopenBare(false);
}
BENCHMARK(BM_BareColdScan)
    ->ArgName("kernel_read_ahead")
    ->Arg(0)
    ->Arg(1)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void BM_ImageColdScan(benchmark::State& state) {
  Stores& stores = Stores::Get();
  Sink sink;
  for (auto _ : state) {
    state.PauseTiming();
    stores.ReopenImage();
    DropFromPageCache(stores.image_file());
    state.ResumeTiming();
    ScanImage(sink);
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(RowCount()));
}
BENCHMARK(BM_ImageColdScan)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pallet::storage
