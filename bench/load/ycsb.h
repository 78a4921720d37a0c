// SPDX-License-Identifier: Apache-2.0
//
// The six core workloads of YCSB with their usual settings: 1 KB records, ten
// fields, zipfian 0.99 (D: latest), scans of 1..100 records.
//
//   A  50 % read, 50 % update      B  95 % read, 5 % update    C  read only
//   D  95 % read latest, 5 % insert
//   E  95 % scan, 5 % insert       F  50 % read, 50 % read-modify-write
//
// An update rewrites the whole record (UpdateItem is not built yet). Scans walk
// in the order of a sort key, as YCSB's ordered scans do: table `bench_ordered`
// holds its records under one hundred partition keys.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/closed_loop.h"
#include "client/client.h"

namespace pallet::bench {

struct YcsbOptions {
  char workload = 'A';
  uint64_t records = 100000;
  size_t item_bytes = 1000;
  LoadOptions load;
};

// REQUIRES: LoadRecords (or LoadOrderedRecords for E) made the table.
LoadResult RunYcsb(Client& client, const YcsbOptions& options);

// An empty table, whatever was there.
absl::Status MakeTable(Client& client, const std::string& table,
                       const KeySchema& key);

// Makes the tables anew and fills them.
absl::Status LoadRecords(Client& client, uint64_t records, size_t item_bytes);
absl::Status LoadOrderedRecords(Client& client, uint64_t records,
                                size_t item_bytes);

}  // namespace pallet::bench
