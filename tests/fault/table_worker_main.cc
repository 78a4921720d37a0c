// SPDX-License-Identifier: Apache-2.0
//
// The process that table_kill9_test kills: makes, fills, changes and deletes
// tables as fast as it can, while their global indexes are filled and follow, and
// notes in a journal what it intends and what was acknowledged.
//
//   table_worker DATA_DIRECTORY JOURNAL SEED
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "cluster/partition_host.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "tests/fault/table_life.h"
#include "tests/testing/table_definition.h"

namespace pallet::testing {
namespace {

class Worker {
 public:
  Worker(cluster::PartitionHost* host, LifeNode* node, int journal,
         uint64_t seed)
      : host_(host), node_(node), journal_(journal), random_(seed) {}

  absl::Status Step() {
    const std::string name = TableOfLife(random_.Below(kLifeTables));
    const cluster::TablePtr table = host_->FindTable(name);
    if (table == nullptr) return Create(name);
    return random_.OneIn(2) ? Change(*table) : Delete(name);
  }

 private:
  absl::Status Create(const std::string& name) {
    storage::v1::TableRecord definition =
        TableDefinition(name, true, IndexesOfLife(name));
    std::string indexes;
    for (uint64_t i = random_.Below(3); i > 0; --i) {
      AddGlobalIndex(NewIndex(&indexes), {"sk"}, &definition);
    }
    Note(TableNote::kWillCreate, name + indexes);
    ASSIGN_OR_RETURN(const cluster::TablePtr table,
                     host_->CreateTable(std::move(definition)));
    Note(TableNote::kCreated, name + indexes);
    RETURN_IF_ERROR(node_->indexing().TableChanged(table));
    for (int row = 0; row < kLifeRows; ++row) {
      RETURN_IF_ERROR(node_->PutItem(name, row));
    }
    Note(TableNote::kFilled, name);
    return absl::OkStatus();
  }

  // Drops some of its global indexes and adds others.
  absl::Status Change(const cluster::Table& table) {
    std::string indexes;
    std::vector<std::string> dropped, added;
    for (const auto& index : table.global_indexes) {
      if (random_.OneIn(3)) {
        dropped.push_back(index.schema->name());
      } else {
        absl::StrAppend(&indexes, " ", index.schema->name());
      }
    }
    for (uint64_t i = random_.Below(3); i > 0; --i) {
      added.push_back(NewIndex(&indexes));
    }
    Note(TableNote::kWillChange, table.name + indexes);
    const auto change = [&](storage::v1::TableRecord& record) {
      for (const std::string& index : dropped) DropGlobalIndex(index, &record);
      for (const std::string& index : added) {
        AddGlobalIndex(index, {"sk"}, &record);
      }
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const cluster::TablePtr changed,
                     host_->UpdateTable(table.name, change));
    Note(TableNote::kChanged, table.name + indexes);
    return node_->indexing().TableChanged(changed);
  }

  // A name that no index had. Appends it to `indexes`.
  std::string NewIndex(std::string* indexes) {
    const std::string name = absl::StrCat("global-", random_.Next());
    absl::StrAppend(indexes, " ", name);
    return name;
  }

  absl::Status Delete(const std::string& name) {
    Note(TableNote::kWillDelete, name);
    const auto always = [](const storage::v1::TableRecord&) {
      return absl::OkStatus();
    };
    ASSIGN_OR_RETURN(const cluster::TablePtr deleted,
                     host_->DeleteTable(name, always));
    Note(TableNote::kDeleted, name);
    node_->indexing().TableGone(*deleted);
    return absl::OkStatus();
  }

  // One append, so that a kill leaves whole lines.
  void Note(TableNote note, const std::string& name) {
    const std::string line =
        absl::StrCat(std::string(1, static_cast<char>(note)), name, "\n");
    CHECK(write(journal_, line.data(), line.size()) ==
          static_cast<ssize_t>(line.size()));
  }

  cluster::PartitionHost* const host_;
  LifeNode* const node_;
  const int journal_;
  Random random_;
};

absl::Status Run(const std::string& data, int journal, uint64_t seed) {
  for (;; ++seed) {  // now and then an orderly close
    ASSIGN_OR_RETURN(const auto host, OpenLifeHost(data));
    LifeNode node(host.get());
    Worker worker(host.get(), &node, journal, seed);
    for (int step = 0; step < 60; ++step) RETURN_IF_ERROR(worker.Step());
  }
}

}  // namespace
}  // namespace pallet::testing

int main(int argc, char** argv) {
  CHECK_EQ(argc, 4);
  const int journal = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
  CHECK(journal >= 0) << argv[2];
  const absl::Status status = pallet::testing::Run(
      argv[1], journal, std::strtoull(argv[3], nullptr, 10));
  std::fprintf(stderr, "table_worker: %s\n", status.ToString().c_str());
  return 1;
}
