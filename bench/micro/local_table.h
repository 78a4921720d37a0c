// SPDX-License-Identifier: Apache-2.0
//
// LocalTable: the stores of a node, a table of records (bench/load/records.h)
// and the operations on it, in this process and without a server: what the way
// from the image to an encoded response costs, and nothing else.
//
// BareImages: the same image files through LMDB alone, so that both read the
// same pages of the page cache.
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/executor.h"
#include "cluster/partition_host.h"
#include "service/operation.h"

namespace pallet::bench {

inline constexpr size_t kItemBytes = 1000;

class LocalTable {
 public:
  // Makes the table in `directory`, which is removed at the end, and fills it in
  // the order of its row keys.
  LocalTable(std::string directory, uint64_t records);
  LocalTable(const LocalTable&) = delete;
  LocalTable& operator=(const LocalTable&) = delete;
  ~LocalTable();

  const service::OperationRegistry& operations() const { return operations_; }
  uint64_t records() const { return records_; }
  const std::string& directory() const { return directory_; }
  uint32_t store_count() const { return host_->store_count(); }

  std::string RowKeyOf(uint64_t number) const;
  uint32_t StoreOf(absl::string_view row_key) const;

 private:
  void Fill();
  void FillPartition(const cluster::TablePartition& partition,
                     const std::vector<uint64_t>& numbers);

  const std::string directory_;
  const uint64_t records_;
  std::unique_ptr<cluster::PartitionHost> host_;
  cluster::TablePtr table_;
  std::unique_ptr<Executor> read_pool_, control_;
  service::OperationRegistry operations_;
};

class BareImages {
 public:
  // REQUIRES: nobody writes to the table; it outlives this.
  explicit BareImages(const LocalTable& table);
  BareImages(const BareImages&) = delete;
  BareImages& operator=(const BareImages&) = delete;
  ~BareImages();

  // Every stored value, in key order.
  void Scan(absl::FunctionRef<void(absl::string_view)> take);

  // One value in a read transaction of its own.
  void Get(uint32_t store, absl::string_view row_key,
           absl::FunctionRef<void(absl::string_view)> take);

 private:
  struct Image {
    MDB_env* environment = nullptr;
    MDB_txn* transaction = nullptr;  // reset between reads
    MDB_dbi items = 0;
  };
  std::vector<Image> images_;
};

// What a reader does with bytes: copies them away.
class Sink {
 public:
  void Take(absl::string_view bytes) {
    if (buffer_.size() + bytes.size() > (1 << 20)) buffer_.clear();
    buffer_.append(bytes.data(), bytes.size());
  }

 private:
  std::string buffer_;
};

}  // namespace pallet::bench
