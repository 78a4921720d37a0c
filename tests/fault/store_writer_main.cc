// SPDX-License-Identifier: Apache-2.0
//
// The process that kill9_test kills: opens a store, writes to it from several
// threads, notes in a journal what it intends and what was acknowledged.
//
//   store_writer DIRECTORY JOURNAL FIRST_VERSION SEED OPERATIONS
//
// Each thread does OPERATIONS operations; then the store is closed, and all
// begins again with a new Open, so that a kill may hit any phase.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/thread.h"
#include "storage/store.h"
#include "tests/fault/file_journal.h"
#include "tests/fault/small_store.h"
#include "tests/testing/store_client.h"
#include "tests/testing/store_workload.h"

namespace {

using pallet::testing::FileJournal;
using pallet::testing::SlotWriter;

constexpr int kThreads = 4;
constexpr uint32_t kSlotsPerThread = 150;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "store_writer: %s\n", status.ToString().c_str());
  return 1;
}

// A partition that comes and goes beside the load.
absl::Status ChurnPartition(pallet::storage::Store& store, uint64_t number) {
  const pallet::storage::PartitionId id(1000 + number);
  const pallet::storage::KeyspaceId keyspace(1000 + number);
  absl::Status status = store.CreatePartition(id, keyspace, {});
  if (!status.ok()) return status;
  for (int row = 0; row < 20 && status.ok(); ++row) {
    status = pallet::testing::PutAndWait(
        store, id,
        pallet::testing::TestKey(keyspace, row, absl::StrCat("row ", row)),
        std::string(100, 'x'));
  }
  return status.ok() ? store.DropPartition(id) : status;
}

absl::Status Run(const std::string& directory, FileJournal* journal,
                 uint64_t first_version, uint64_t seed, int operations) {
  auto store =
      pallet::storage::Store::Open(pallet::testing::SmallStore(directory));
  if (!store.ok()) return store.status();
  absl::Status status = pallet::testing::CreateSlotPartitions(**store);
  if (!status.ok()) return status;

  std::vector<absl::Status> results(kThreads);
  {
    std::vector<pallet::Thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back(absl::StrCat("writer-", i), [&, i] {
        SlotWriter::Options options;
        options.first_slot = i * kSlotsPerThread;
        options.slots = kSlotsPerThread;
        options.window = i == 0 ? 1 : 32;  // lone writes and full batches
        options.first_version = first_version;
        options.seed = seed + i;
        SlotWriter writer(store->get(), journal, options);
        for (int n = 0; n < operations && results[i].ok(); ++n) {
          results[i] = writer.Step();
        }
        const absl::Status answered = writer.Wait();
        if (results[i].ok()) results[i] = answered;
      });
    }
    status = ChurnPartition(**store, first_version);
  }
  for (const absl::Status& result : results) {
    if (!result.ok()) return result;
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return Fail(absl::InvalidArgumentError("five arguments"));
  FileJournal journal(argv[2]);
  uint64_t first_version = std::strtoull(argv[3], nullptr, 10);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  const int operations = std::atoi(argv[5]);
  for (uint64_t round = 0;; ++round) {
    const absl::Status status =
        Run(argv[1], &journal, first_version, seed + 100 * round, operations);
    if (!status.ok()) return Fail(status);
    first_version += operations;
  }
}
