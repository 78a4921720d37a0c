// SPDX-License-Identifier: Apache-2.0
//
// TransactTest: transactions through their handlers, and what a crash leaves of
// them, made by hand.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/transaction.pb.h"
#include "service/transactions/function_write.h"
#include "service/transactions/part_decision.h"
#include "storage/key_codec.h"
#include "storage/side_rows.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

class TransactTest : public HandlerTest {
 protected:
  // One action as text: Act("put", "item {...}").
  static std::string Act(absl::string_view kind, absl::string_view body,
                         absl::string_view table = "plain") {
    return absl::StrCat(" transact_items { ", kind, " { table_name: '", table,
                        "' ", body, " } }");
  }
  static std::string PutOf(absl::string_view pk, absl::string_view more = "") {
    return Act("put",
               absl::StrCat("item {", Plain(pk), S("v", "new"), "} ", more));
  }
  static std::string If(absl::string_view condition) {
    return absl::StrCat(" condition_expression: '", condition, "' ");
  }
  std::string Write(absl::string_view actions, absl::string_view more = "") {
    return Call("TransactWriteItems", absl::StrCat(actions, " ", more));
  }
  std::string Get(absl::string_view pk) {
    return Call("GetItem",
                absl::StrCat("table_name: 'plain' key {", Plain(pk), "}"));
  }
  bool IsThere(absl::string_view pk) { return !Get(pk).empty(); }

  static std::string GetOf(absl::string_view pk, absl::string_view more = "") {
    return absl::StrCat(" transact_items { get { table_name: 'plain' key {",
                        Plain(pk), "} ", more, " } }");
  }

  std::string RowKey(absl::string_view pk) {
    return storage::RowKey(
        host_->FindTable("plain")->keyspace,
        {{model::ScalarType::kString, std::string(pk)}, std::nullopt},
        host_->hash_seed());
  }
  const cluster::TablePartition& PartitionOf(absl::string_view pk) {
    table_ = host_->FindTable("plain");
    return table_->PartitionOf(storage::HashOfRowKey(RowKey(pk)));
  }
  // Writes whatever `decide` does into the partition of "plain" with that key.
  void Decide(absl::string_view pk, FunctionWrite::Decision decide) {
    const cluster::TablePartition& partition = PartitionOf(pk);
    absl::Status result = absl::UnknownError("not done");
    ASSERT_TRUE(host_
                    ->Submit(partition, std::make_unique<FunctionWrite>(
                                            partition.id, 0, std::move(decide),
                                            [&](const absl::Status& status) {
                                              result = status;
                                            }))
                    .ok());
    ASSERT_TRUE(result.ok()) << result;
  }
  // As a transaction under way has it; `value` is what it writes.
  void Lock(absl::string_view pk, const std::string& token,
            const std::string& id, storage::v1::LockKind kind) {
    host_->locks().Add(RowKey(pk));
    const storage::PartitionId partition = PartitionOf(pk).id;
    storage::v1::LockRecord lock;
    lock.set_format(1);
    lock.set_kind(kind);
    lock.set_token(token);
    lock.set_transaction_id(id);
    if (kind == storage::v1::LOCK_KIND_PUT) {
      const std::string item = ItemOf(pk);
      lock.set_item(item);
      lock.set_item_size(static_cast<uint32_t>(item.size()));
    }
    Decide(pk, [&, partition](storage::WriteContext& context) {
      context.PutSideRow(storage::LockKey(partition, RowKey(pk)),
                         lock.SerializeAsString());
      return absl::OkStatus();
    });
  }
  // A canonical item of that key and v = 'locked'.
  std::string ItemOf(absl::string_view pk) {
    Put("plain", absl::StrCat(Plain(pk), S("v", "locked")));
    std::string bytes;
    CHECK(host_
              ->Read(PartitionOf(pk),
                     [&](storage::ReadTransaction& rows) -> absl::Status {
                       bytes = std::string((*rows.Get(RowKey(pk)))->item);
                       return absl::OkStatus();
                     })
              .ok());
    Call("DeleteItem",
         absl::StrCat("table_name: 'plain' key {", Plain(pk), "}"));
    return bytes;
  }
  void Restart() { OpenTransactions(); }
  void WriteLedger(const std::string& token, const std::string& id,
                   storage::v1::TransactionState state) {
    auto ledger = Ledger::Open(host_.get());
    ASSERT_TRUE(ledger.ok());
    Ledger::Record record;
    record.set_state(state);
    record.set_transaction_id(id);
    record.set_created_us(absl::ToUnixMicros(clock_.Now()));
    (*ledger)->Begin(
        token, record, [](const Ledger::Record&, bool) { return false; },
        [](const absl::StatusOr<Ledger::Known>& known) {
          ASSERT_TRUE(known.ok());
        });
  }

  cluster::TablePtr table_;
};

}  // namespace pallet::service
