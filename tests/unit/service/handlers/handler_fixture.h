// SPDX-License-Identifier: Apache-2.0
//
// HandlerTest: all operations over stores in memory, called by name with the
// public messages as text protos. What comes back is one line:
//
//   Call("GetItem", "table_name: 'plain' key { ... }")
//     -> "item { attributes { key: \"pk\" value { s: \"a\" } } }"
//     -> "VALIDATION: The provided key element does not match the schema"
//
// Two tables are there: "plain" (pk S) and "pairs" (pk S, sk N).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/executor.h"
#include "base/log.h"
#include "cluster/partition_host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "service/transactions/transactions.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/manual_clock.h"
#include "tests/testing/store_proxy.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {

// Makes new indexes ACTIVE, as on tables without items, and notes what it hears.
class FakeIndexKeeper final : public IndexKeeper {
 public:
  absl::Status TableChanged(const cluster::TablePtr& table) override;
  void TableGone(const cluster::Table& table) override;
  // Answers `fresh`.
  void AwaitFresh(const cluster::TablePtr& table,
                  const cluster::GlobalIndex& index, const FreshnessGoal& goal,
                  absl::Duration deadline,
                  absl::AnyInvocable<void(absl::Status)> done) override;
  absl::StatusOr<gsi::IndexProgress> ProgressOf(
      const cluster::Table& table, const cluster::GlobalIndex& index) override;
  absl::Status CheckRoom(const cluster::Table& table,
                         storage::PartitionId partition) override;

  absl::Status fresh;
  absl::Status room;
  gsi::IndexProgress progress;
  FreshnessGoal last_goal;
  cluster::PartitionHost* host = nullptr;
  bool activates = true;
  std::vector<std::string> heard = {};  // "changed places", "gone places"
};

class HandlerTest : public ::testing::Test {
 protected:
  HandlerTest();
  ~HandlerTest() override;

  std::string Call(absl::string_view operation, absl::string_view request,
                   const CallContext& context = {});

  // Every message of a stream, then its error if it ends with one.
  std::vector<std::string> Stream(absl::string_view operation,
                                  absl::string_view request,
                                  const CallContext& context = {});
  // The same, encoded.
  absl::StatusOr<std::unique_ptr<PageSource>> Open(
      absl::string_view operation, absl::string_view request,
      const CallContext& context = {});

  // Members of an item, as text proto.
  static std::string S(absl::string_view name, absl::string_view value);
  static std::string N(absl::string_view name, absl::string_view value);
  static std::string B(absl::string_view name, absl::string_view escaped);
  // Keys of the two tables.
  static std::string Plain(absl::string_view pk) { return S("pk", pk); }
  static std::string Pair(absl::string_view pk, int sk);

  // Transactions as after a start of the node; the operations are those of it.
  void OpenTransactions();

  // Puts an item that must be taken.
  void Put(absl::string_view table, absl::string_view item);

  std::unique_ptr<Logger> logger_ = Logger::OnStandardError(LogFormat::kText);
  testing::FakeDisk disk_;
  testing::StoreControl store_control_;  // of all stores
  testing::ManualClock clock_;
  std::unique_ptr<cluster::PartitionHost> host_;
  Executor read_pool_{{.name = "read", .threads = 2, .queue_limit = 64}};
  Executor control_{{.name = "control", .threads = 1, .queue_limit = 64}};
  FakeIndexKeeper index_keeper_;
  std::unique_ptr<Transactions> transactions_;
  OperationRegistry registry_;

 private:
  absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore(
      const storage::StoreOptions& options);

  testing::TemporaryDirectory directory_;
};

// A context whose deadline has passed, and one that was cancelled.
CallContext PastDeadline();
CallContext Cancelled();

}  // namespace pallet::service
