// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/local_table.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/random.h"
#include "base/thread.h"
#include "bench/load/records.h"
#include "model/item_codec.h"
#include "model/item_view.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "service/handlers/handlers.h"
#include "storage/key_codec.h"

namespace pallet::bench {
namespace {

constexpr size_t kBatchRows = 200;
constexpr int kBatchesAtOnce = 8;

void Check(int code) { CHECK_EQ(code, MDB_SUCCESS) << mdb_strerror(code); }

storage::v1::TableRecord Definition() {
  storage::v1::TableRecord table;
  table.set_name(kTable);
  auto* attribute = table.add_attribute_definitions();
  attribute->set_name("id");
  attribute->set_type(storage::v1::SCALAR_TYPE_STRING);
  auto* key = table.add_key_schema();
  key->set_name("id");
  key->set_role(storage::v1::KEY_ROLE_PARTITION);
  table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
  return table;
}

model::KeyValue KeyOf(uint64_t number) {
  return {model::ScalarType::kString, RecordId(number)};
}

// Lets a number of batches be under way.
class Window {
 public:
  void Enter() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* open) { return *open < kBatchesAtOnce; }, &open_));
    ++open_;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --open_;
  }
  void WaitUntilEmpty() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* open) { return *open == 0; }, &open_));
  }

 private:
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Rows of one partition, put in one write.
class LoadWrite final : public storage::RowWrite {
 public:
  LoadWrite(storage::PartitionId partition, Window* window)
      : partition_(partition), window_(window) {}

  void Add(std::string row_key, model::CanonicalItem item) {
    bytes_ += row_key.size() + item.bytes.size();
    rows_.emplace_back(std::move(row_key), std::move(item));
  }
  bool full() const { return rows_.size() >= kBatchRows; }

  storage::PartitionId partition() const override { return partition_; }
  size_t byte_size() const override { return bytes_; }
  absl::Status Decide(storage::WriteContext& context) override {
    for (const auto& [key, item] : rows_) {
      context.Put(key, item.bytes, static_cast<uint32_t>(item.size));
    }
    return absl::OkStatus();
  }
  void Done(const absl::Status& status) override {
    CHECK_OK(status);
    window_->Leave();
  }

 private:
  const storage::PartitionId partition_;
  Window* const window_;
  size_t bytes_ = 0;
  std::vector<std::pair<std::string, model::CanonicalItem>> rows_;
};

}  // namespace

LocalTable::LocalTable(std::string directory, uint64_t records)
    : directory_(std::move(directory)), records_(records) {
  CHECK(!std::filesystem::exists(directory_)) << directory_;
  cluster::PartitionHostOptions options;
  options.data_directory = directory_;
  options.open_store = storage::Store::Open;
  options.store_count = std::min(4u, std::thread::hardware_concurrency());
  host_ = cluster::PartitionHost::Open(std::move(options)).value();
  table_ = host_->CreateTable(Definition()).value();
  read_pool_ =
      std::make_unique<Executor>(ExecutorOptions{.name = "read", .threads = 2});
  control_ = std::make_unique<Executor>(ExecutorOptions{.name = "control"});
  service::RegisterHandlers({.host = host_.get(),
                             .read_pool = read_pool_.get(),
                             .control = control_.get()},
                            &operations_);
  Fill();
}

LocalTable::~LocalTable() {
  read_pool_->Shutdown();
  control_->Shutdown();
  host_.reset();
  std::filesystem::remove_all(directory_);
}

std::string LocalTable::RowKeyOf(uint64_t number) const {
  return storage::RowKey(table_->keyspace,
                         {.partition = KeyOf(number), .sort = {}},
                         host_->hash_seed());
}

uint32_t LocalTable::StoreOf(absl::string_view row_key) const {
  return table_->PartitionOf(storage::HashOfRowKey(row_key)).store.value();
}

void LocalTable::Fill() {
  std::vector<std::pair<uint64_t, uint64_t>> by_hash(records_);
  for (uint64_t i = 0; i < records_; ++i) {
    by_hash[i] = {storage::PlacementHash(KeyOf(i), host_->hash_seed()), i};
  }
  std::sort(by_hash.begin(), by_hash.end());
  std::vector<Thread> threads;
  for (const cluster::TablePartition& partition : table_->partitions) {
    std::vector<uint64_t> numbers;
    for (const auto& [hash, number] : by_hash) {
      if (partition.range.Contains(hash)) numbers.push_back(number);
    }
    threads.emplace_back("fill",
                         [this, &partition, numbers = std::move(numbers)] {
                           FillPartition(partition, numbers);
                         });
  }
  threads.clear();  // joins
  for (uint32_t i = 0; i < host_->store_count(); ++i) {
    CHECK_OK(host_->store(cluster::StoreId(i)).Checkpoint());
  }
}

void LocalTable::FillPartition(const cluster::TablePartition& partition,
                               const std::vector<uint64_t>& numbers) {
  Random random(partition.id.value());
  Window window;
  auto batch = std::make_unique<LoadWrite>(partition.id, &window);
  const auto submit = [&] {
    window.Enter();
    CHECK_OK(host_->Submit(partition, std::move(batch)));
    batch = std::make_unique<LoadWrite>(partition.id, &window);
  };
  for (const uint64_t number : numbers) {
    const std::string item = Record(number, kItemBytes, random).Encode();
    batch->Add(RowKeyOf(number), model::CanonicalizeItem(item).value());
    if (batch->full()) submit();
  }
  submit();
  window.WaitUntilEmpty();
}

BareImages::BareImages(const LocalTable& table) {
  for (uint32_t i = 0; i < table.store_count(); ++i) {
    // A name of its own: LMDB's locks go by it, and are not needed here.
    const std::string file =
        absl::StrCat(table.directory(), "/bare-", i, ".mdb");
    std::filesystem::create_hard_link(
        absl::StrCat(table.directory(), "/store-", i, "/image/data.mdb"), file);
    Image image;
    Check(mdb_env_create(&image.environment));
    Check(mdb_env_set_maxdbs(image.environment, 16));
    Check(mdb_env_open(
        image.environment, file.c_str(),
        MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD,
        0600));
    Check(mdb_txn_begin(image.environment, nullptr, MDB_RDONLY,
                        &image.transaction));
    Check(mdb_dbi_open(image.transaction, "items", 0, &image.items));
    Check(mdb_txn_commit(image.transaction));  // keeps the handle
    Check(mdb_txn_begin(image.environment, nullptr, MDB_RDONLY,
                        &image.transaction));
    mdb_txn_reset(image.transaction);
    images_.push_back(image);
  }
}

BareImages::~BareImages() {
  for (const Image& image : images_) {
    mdb_txn_abort(image.transaction);
    mdb_env_close(image.environment);
  }
}

void BareImages::Scan(absl::FunctionRef<void(absl::string_view)> take) {
  for (const Image& image : images_) {
    Check(mdb_txn_renew(image.transaction));
    MDB_cursor* cursor;
    Check(mdb_cursor_open(image.transaction, image.items, &cursor));
    MDB_val key, value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
      take({static_cast<const char*>(value.mv_data), value.mv_size});
    }
    mdb_cursor_close(cursor);
    mdb_txn_reset(image.transaction);
  }
}

void BareImages::Get(uint32_t store, absl::string_view row_key,
                     absl::FunctionRef<void(absl::string_view)> take) {
  const Image& image = images_[store];
  MDB_val key{row_key.size(), const_cast<char*>(row_key.data())};
  MDB_val value;
  Check(mdb_txn_renew(image.transaction));
  Check(mdb_get(image.transaction, image.items, &key, &value));
  take({static_cast<const char*>(value.mv_data), value.mv_size});
  mdb_txn_reset(image.transaction);
}

}  // namespace pallet::bench
