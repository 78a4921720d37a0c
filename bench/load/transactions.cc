// SPDX-License-Identifier: Apache-2.0
#include "bench/load/transactions.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "bench/load/records.h"
#include "bench/load/ycsb.h"

namespace pallet::bench {
namespace {

constexpr char kGroupTable[] = "bench_groups";
constexpr uint64_t kRecordsPerGroup = 10;

using Done = absl::AnyInvocable<void(absl::Status)>;

// The items of a random group.
std::vector<Item> Group(const TransactionOptions& options, Random& random) {
  const uint64_t groups =
      std::max<uint64_t>(1, options.records / kRecordsPerGroup);
  const std::string name = absl::StrCat("group", random.Below(groups));
  std::vector<Item> items;
  for (int i = 0; i < options.actions; ++i) {
    items.push_back(Record(i, options.item_bytes, random));
    items.back().Set("group", name);
  }
  return items;
}

// Random records, none twice.
std::vector<Item> Spread(const TransactionOptions& options, Random& random) {
  std::set<uint64_t> numbers;
  while (numbers.size() < static_cast<size_t>(options.actions)) {
    numbers.insert(random.Below(options.records));
  }
  std::vector<Item> items;
  for (const uint64_t number : numbers) {
    items.push_back(Record(number, options.item_bytes, random));
  }
  return items;
}

bool IsConflict(const absl::Status& status) {
  return absl::c_any_of(CancellationReasons(status),
                        [](const CancellationReason& reason) {
                          return reason.code == "TransactionConflict";
                        });
}

TransactionResult RunTransactions(
    Client& client, const char* table, const TransactionOptions& options,
    std::vector<Item> (*make)(const TransactionOptions&, Random&)) {
  std::atomic<uint64_t> attempts{0}, conflicts{0};
  TransactionResult result;
  result.load =
      RunClosedLoop(options.load, [&](int, Random& random, Done done) {
        TransactWriteRequest request;
        for (Item& item : make(options, random)) {
          request.actions.push_back(TransactWriteRequest::Put{
              .table = table, .item = std::move(item)});
        }
        client.TransactWriteAsync(
            request, [&, done = std::move(done)](auto written) mutable {
              ++attempts;
              if (!IsConflict(written.status())) return done(written.status());
              ++conflicts;
              done(absl::OkStatus());
            });
      });
  result.conflict_share = static_cast<double>(conflicts) / attempts;
  return result;
}

}  // namespace

absl::Status MakeGroups(Client& client) {
  return MakeTable(client, kGroupTable,
                   {.partition = {"group", ScalarType::kString},
                    .sort = KeyAttribute{"id", ScalarType::kString}});
}

LoadResult RunGroupBatches(Client& client, const TransactionOptions& options) {
  return RunClosedLoop(options.load, [&](int, Random& random, Done done) {
    BatchWriteRequest request;
    request.tables[kGroupTable].puts = Group(options, random);
    client.BatchWriteAsync(request,
                           [done = std::move(done)](auto written) mutable {
                             done(written.status());
                           });
  });
}

TransactionResult RunGroupTransactions(Client& client,
                                       const TransactionOptions& options) {
  return RunTransactions(client, kGroupTable, options, Group);
}

TransactionResult RunSpreadTransactions(Client& client,
                                        const TransactionOptions& options) {
  return RunTransactions(client, kTable, options, Spread);
}

}  // namespace pallet::bench
