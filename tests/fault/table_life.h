// SPDX-License-Identifier: Apache-2.0
//
// What table_worker and table_kill9_test agree on: the tables that come and go,
// their items, their global indexes, and the notes of the journal, one a line: a
// letter, a table's name, and the names of the global indexes it is to have.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "cluster/partition_host.h"
#include "pallet/wire/v1/item.pb.h"
#include "service/handlers/handlers.h"
#include "service/indexing.h"
#include "service/operation.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"
#include "tests/testing/wire_values.h"

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

// What brings items to tables and indexes to their items, as in a node.
class LifeNode {
 public:
  explicit LifeNode(cluster::PartitionHost* host) : host_(host) {
    service::IndexingOptions options;
    options.host = host;
    options.logger = Logger::Real();
    indexing_ = std::make_unique<service::Indexing>(options);
    service::RegisterHandlers({.host = host,
                               .read_pool = &read_pool_,
                               .control = &control_,
                               .index_keeper = indexing_.get()},
                              &operations_);
  }
  ~LifeNode() {
    indexing_->Stop();
    read_pool_.Shutdown();
    control_.Shutdown();
  }

  // Its entries in local indexes are written with it.
  absl::Status PutItem(const std::string& table, int number) {
    wire::v1::PutItemRequest request;
    request.set_table_name(table);
    request.set_item(ItemOf({{"by0", S("x")},
                             {"by1", S("y")},
                             {"pk", S(absl::StrCat(number))},
                             {"sk", S("row")}}));
    absl::Status status;
    absl::Notification done;
    (*operations_.Find("PutItem"))(request.SerializeAsString(),
                                   service::CallContext(),
                                   [&](absl::StatusOr<std::string> answer) {
                                     status = answer.status();
                                     done.Notify();
                                   });
    done.WaitForNotification();
    return status;
  }

  // Until all global indexes of the table may be read and have all its items.
  absl::Status AwaitIndexes(const std::string& name) {
    bool all_active = false;
    while (!all_active) {
      const cluster::TablePtr table = host_->FindTable(name);
      all_active = true;
      for (const cluster::GlobalIndex& index : table->global_indexes) {
        all_active &= index.state == cluster::IndexState::kActive;
        absl::Status status;
        absl::Notification done;
        indexing_->AwaitFresh(table, index, {.strong = true},
                              absl::InfiniteDuration(),
                              [&](absl::Status result) {
                                status = std::move(result);
                                done.Notify();
                              });
        done.WaitForNotification();
        RETURN_IF_ERROR(status);
      }
    }
    return absl::OkStatus();
  }

  service::Indexing& indexing() { return *indexing_; }

 private:
  cluster::PartitionHost* const host_;
  std::unique_ptr<service::Indexing> indexing_;
  Executor read_pool_{{.name = "read"}};
  Executor control_{{.name = "control"}};
  service::OperationRegistry operations_;
};

}  // namespace pallet::testing
