// SPDX-License-Identifier: Apache-2.0
//
// What table_worker and table_kill9_test agree on: the tables that come and go,
// their rows, their global indexes, and the notes of the journal, one a line: a
// letter, a table's name, and the names of the global indexes it is to have.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/log.h"
#include "cluster/partition_host.h"
#include "storage/key_codec.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"
#include "tests/testing/store_client.h"

namespace pallet::testing {

inline constexpr uint64_t kLifeTables = 6;
inline constexpr int kLifeRows = 8;

enum class TableNote : char {
  kWillCreate = 'c',
  kCreated = 'C',
  kFilled = 'F',  // with kLifeRows rows
  kWillChange = 'x',
  kChanged = 'X',
  kWillDelete = 'd',
  kDeleted = 'D',
};

inline std::string TableOfLife(uint64_t number) {
  return absl::StrCat("table-", number);
}

// Every other one has local indexes.
inline int IndexesOfLife(absl::string_view table) {
  return (table.back() - '0') % 2 == 0 ? 0 : 2;
}

// The names of its global indexes, each behind a space.
inline std::string GlobalIndexesOf(const cluster::Table& table) {
  std::string names;
  for (const auto& index : table.global_indexes) {
    absl::StrAppend(&names, " ", index.schema->name());
  }
  return names;
}

// Spread over the hashes.
inline std::string RowOfLife(storage::KeyspaceId keyspace, int row) {
  return TestKey(keyspace, row * (UINT64_MAX / kLifeRows), "row");
}

inline absl::StatusOr<std::unique_ptr<cluster::PartitionHost>> OpenLifeHost(
    const std::string& data) {
  static Logger* const quiet = [] {
    Logger::Real()->set_level(LogLevel::kError);
    return Logger::Real();
  }();
  cluster::PartitionHostOptions options;
  options.data_directory = data;
  options.open_store = storage::Store::Open;
  options.store_count = 2;
  options.store = SmallStore("");
  options.logger = quiet;
  return cluster::PartitionHost::Open(std::move(options));
}

}  // namespace pallet::testing
