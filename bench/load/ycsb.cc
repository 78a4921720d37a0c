// SPDX-License-Identifier: Apache-2.0
#include "bench/load/ycsb.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "base/status_macros.h"
#include "bench/load/distribution.h"
#include "bench/load/records.h"

namespace pallet::bench {
namespace {

constexpr char kOrderedTable[] = "bench_ordered";
constexpr uint64_t kGroups = 100;
constexpr int kMaxScan = 100;

using Done = absl::AnyInvocable<void(absl::Status)>;

Item OrderedKey(uint64_t number) {
  return Item{{"group", absl::StrFormat("group%02d", number % kGroups)},
              {"id", RecordId(number / kGroups)}};
}

Item OrderedRecord(uint64_t number, size_t item_bytes, Random& random) {
  Item item = Record(number, item_bytes, random);
  for (const auto& attribute : OrderedKey(number)) {
    item.Set(attribute.name, attribute.value);
  }
  return item;
}

class Workload {
 public:
  Workload(Client& client, const YcsbOptions& options)
      : client_(client),
        options_(options),
        zipfian_(options.records),
        records_(options.records) {}

  void Start(Random& random, Done done) {
    const uint64_t dice = random.Below(100);
    switch (options_.workload) {
      case 'A':
        return dice < 50 ? Read(Popular(random), std::move(done))
                         : Update(Popular(random), random, std::move(done));
      case 'B':
        return dice < 95 ? Read(Popular(random), std::move(done))
                         : Update(Popular(random), random, std::move(done));
      case 'C':
        return Read(Popular(random), std::move(done));
      case 'D':
        return dice < 95 ? Read(Latest(random), std::move(done))
                         : Insert(random, std::move(done));
      case 'E':
        return dice < 95 ? Scan(random, std::move(done))
                         : InsertOrdered(random, std::move(done));
      default:
        return dice < 50
                   ? Read(Popular(random), std::move(done))
                   : ReadModifyWrite(Popular(random), random, std::move(done));
    }
  }

 private:
  uint64_t Popular(Random& random) { return zipfian_.NextScrambled(random); }

  uint64_t Latest(Random& random) {
    return records_.load(std::memory_order_relaxed) - 1 - zipfian_.Next(random);
  }

  void Read(uint64_t number, Done done) {
    client_.GetItemAsync(
        {.table = kTable, .key = RecordKey(number)},
        [done = std::move(done)](auto got) mutable { done(got.status()); });
  }

  void Write(std::string table, Item item, Done done) {
    client_.PutItemAsync(
        {.table = std::move(table), .item = std::move(item)},
        [done = std::move(done)](auto put) mutable { done(put.status()); });
  }

  void Update(uint64_t number, Random& random, Done done) {
    Write(kTable, Record(number, options_.item_bytes, random), std::move(done));
  }

  void Insert(Random& random, Done done) {
    Update(records_.fetch_add(1), random, std::move(done));
  }

  void InsertOrdered(Random& random, Done done) {
    Write(kOrderedTable,
          OrderedRecord(records_.fetch_add(1), options_.item_bytes, random),
          std::move(done));
  }

  void ReadModifyWrite(uint64_t number, Random& random, Done done) {
    Item changed = Record(number, options_.item_bytes, random);
    client_.GetItemAsync({.table = kTable, .key = RecordKey(number)},
                         [this, changed = std::move(changed),
                          done = std::move(done)](auto got) mutable {
                           if (!got.ok()) return done(got.status());
                           Write(kTable, std::move(changed), std::move(done));
                         });
  }

  void Scan(Random& random, Done done) {
    const Item start = OrderedKey(zipfian_.NextScrambled(random));
    client_.QueryAsync(
        {.table = kOrderedTable,
         .key_condition = "#g = :g AND id >= :id",
         .names = {{"#g", "group"}},
         .values = {{":g", start.at("group")}, {":id", start.at("id")}},
         .limit = static_cast<int>(random.Between(1, kMaxScan))},
        [done = std::move(done)](auto page) mutable { done(page.status()); });
  }

  Client& client_;
  const YcsbOptions options_;
  const Zipfian zipfian_;
  std::atomic<uint64_t> records_;
};

using MakeRecord = Item (*)(uint64_t, size_t, Random&);

// Puts records 0..count-1, 64 batches at a time.
absl::Status Fill(Client& client, const std::string& table, uint64_t count,
                  size_t item_bytes, MakeRecord make) {
  constexpr uint64_t kBatch = 25;
  std::atomic<uint64_t> next{0};
  LoadOptions options{.in_flight = 32,
                      .duration = absl::Hours(10),
                      .warm_up = absl::ZeroDuration()};
  absl::Mutex mutex;
  absl::Status failure;  // the first real one
  // The loop ends by failing its slots once all is written.
  RunClosedLoop(options, [&](int, Random& random, Done done) {
    const uint64_t first = next.fetch_add(kBatch);
    if (first >= count) return done(absl::OutOfRangeError("all written"));
    BatchWriteRequest request;
    BatchWrites& writes = request.tables[table];
    for (uint64_t i = first; i < std::min(first + kBatch, count); ++i) {
      writes.puts.push_back(make(i, item_bytes, random));
    }
    client.BatchWriteAsync(
        request, [&, done = std::move(done)](auto written) mutable {
          absl::Status status = written.status();
          if (status.ok() && !written->unprocessed.empty()) {
            status = absl::UnavailableError("unprocessed items");
          }
          if (!status.ok()) {
            absl::MutexLock lock(&mutex);
            failure.Update(status);
          }
          done(std::move(status));
        });
  });
  return failure;
}

}  // namespace

LoadResult RunYcsb(Client& client, const YcsbOptions& options) {
  Workload workload(client, options);
  return RunClosedLoop(options.load, [&](int, Random& random, Done done) {
    workload.Start(random, std::move(done));
  });
}

absl::Status MakeTable(Client& client, const std::string& table,
                       const KeySchema& key) {
  const absl::Status dropped = client.DeleteTable({.table = table}).status();
  if (!dropped.ok() && !absl::IsNotFound(dropped)) return dropped;
  return client.CreateTable({.table = table, .key = key}).status();
}

absl::Status LoadRecords(Client& client, uint64_t records, size_t item_bytes) {
  RETURN_IF_ERROR(MakeTable(
      client, kTable,
      {.partition = {"id", ScalarType::kString}, .sort = std::nullopt}));
  return Fill(client, kTable, records, item_bytes, Record);
}

absl::Status LoadOrderedRecords(Client& client, uint64_t records,
                                size_t item_bytes) {
  RETURN_IF_ERROR(MakeTable(client, kOrderedTable,
                            {.partition = {"group", ScalarType::kString},
                             .sort = KeyAttribute{"id", ScalarType::kString}}));
  return Fill(client, kOrderedTable, records, item_bytes, OrderedRecord);
}

}  // namespace pallet::bench
