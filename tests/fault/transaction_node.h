// SPDX-License-Identifier: Apache-2.0
//
// What transaction_worker and transaction_kill9_test agree on: a node's operations
// without its servers, one table of lists, and the lines of the journal.
//
//   B <id> a <lists> l <list>=<length>...   it begins: appends, what it checks
//   D <id>      R <id>      U <id>          done, refused, nobody knows
//   V <id> <list>=<element>,<element>...    done: what it has read
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "cluster/partition_host.h"
#include "pallet/v1/table_service.pb.h"
#include "pallet/v1/transaction.pb.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "service/transactions/transactions.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"

namespace pallet::testing {

inline constexpr int kLists = 8;
inline constexpr int kTransactionThreads = 6;
inline constexpr char kListTable[] = "lists";

// Each round has lists of its own.
inline std::string ListKey(int round, int list) {
  return absl::StrCat("round ", round, " list ", list);
}

class TransactionNode {
 public:
  static absl::StatusOr<std::unique_ptr<TransactionNode>> Open(
      const std::string& data) {
    Logger::Real()->set_level(LogLevel::kError);
    auto node = std::unique_ptr<TransactionNode>(new TransactionNode());
    cluster::PartitionHostOptions options;
    options.data_directory = data;
    options.open_store = storage::Store::Open;
    options.store_count = 2;
    options.partitions_per_table = 4;
    options.store = SmallStore("");
    ASSIGN_OR_RETURN(node->host_,
                     cluster::PartitionHost::Open(std::move(options)));
    ASSIGN_OR_RETURN(node->transactions_,
                     service::Transactions::Open({node->host_.get()}));
    service::RegisterHandlers({.host = node->host_.get(),
                               .read_pool = &node->read_pool_,
                               .control = &node->control_,
                               .transactions = node->transactions_.get()},
                              &node->registry_);
    if (node->host_->FindTable(kListTable) == nullptr) node->MakeTable();
    return node;
  }
  ~TransactionNode() {
    if (transactions_ != nullptr) transactions_->Stop();
    read_pool_.Shutdown();
    control_.Shutdown();
  }

  // Calls the operation and waits for its answer.
  template <typename Response>
  absl::StatusOr<Response> Call(absl::string_view operation,
                                const google::protobuf::Message& request) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    const service::Operation* const run = registry_.Find(operation);
    CHECK(run != nullptr) << operation;
    (*run)(request.SerializeAsString(), {},
           [&](absl::StatusOr<std::string> given) {
             answer = std::move(given);
             answered.Notify();
           });
    answered.WaitForNotification();
    RETURN_IF_ERROR(answer.status());
    Response response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }

  cluster::PartitionHost& host() { return *host_; }

 private:
  TransactionNode() = default;

  void MakeTable() {
    v1::CreateTableRequest request;
    request.set_table_name(kListTable);
    request.set_billing_mode(v1::BILLING_MODE_PAY_PER_REQUEST);
    auto* attribute = request.add_attribute_definitions();
    attribute->set_attribute_name("pk");
    attribute->set_attribute_type(v1::SCALAR_ATTRIBUTE_TYPE_S);
    auto* key = request.add_key_schema();
    key->set_attribute_name("pk");
    key->set_key_type(v1::KEY_TYPE_HASH);
    const auto made = Call<v1::CreateTableResponse>("CreateTable", request);
    CHECK(made.ok()) << made.status();
  }

  std::unique_ptr<cluster::PartitionHost> host_;
  std::unique_ptr<service::Transactions> transactions_;
  service::OperationRegistry registry_;
  Executor read_pool_{{.name = "read", .threads = 4, .queue_limit = 64}};
  Executor control_{{.name = "control", .threads = 1, .queue_limit = 64}};
};

}  // namespace pallet::testing
