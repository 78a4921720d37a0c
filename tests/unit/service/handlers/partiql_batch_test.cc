// SPDX-License-Identifier: Apache-2.0
//
// BatchExecuteStatement and ExecuteTransaction: statements side by side, and
// all or none of them.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "tests/unit/service/handlers/partiql_fixture.h"

namespace pallet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using Texts = std::vector<std::string>;

class PartiqlBatchTest : public PartiqlTest {
 protected:
  // Each response on a line: "{item}", "" or "CODE: message {item}".
  Texts Batch(const v1::BatchExecuteStatementRequest& request) {
    absl::StatusOr<std::string> answer = Send("BatchExecuteStatement", request);
    if (!answer.ok()) return {ErrorText(answer.status())};
    v1::BatchExecuteStatementResponse response;
    CHECK(response.ParseFromString(*answer));
    capacity_ = response.consumed_capacity();
    Texts texts;
    for (const v1::BatchStatementResponse& each : response.responses()) {
      std::string& text = texts.emplace_back();
      if (each.has_item()) text = Short(each.item());
      if (!each.has_error()) continue;
      text = absl::StrCat(
          v1::BatchStatementErrorCode_Name(each.error().code())
              .substr(sizeof("BATCH_STATEMENT_ERROR_CODE_") - 1),
          ": ", each.error().message(),
          each.error().has_item() ? Short(each.error().item()) : "");
    }
    return texts;
  }

  static v1::BatchExecuteStatementRequest BatchOf(const Texts& statements) {
    v1::BatchExecuteStatementRequest request;
    for (const std::string& statement : statements) {
      request.add_statements()->set_statement(statement);
    }
    return request;
  }
  Texts Batch(const Texts& statements) { return Batch(BatchOf(statements)); }

  // The items of a transaction's responses, or why there was none.
  std::string Transact(const v1::ExecuteTransactionRequest& request) {
    absl::StatusOr<std::string> answer = Send("ExecuteTransaction", request);
    if (!answer.ok()) {
      last_error_ = answer.status();
      return ErrorText(answer.status());
    }
    v1::ExecuteTransactionResponse response;
    CHECK(response.ParseFromString(*answer));
    capacity_ = response.consumed_capacity();
    Texts texts;
    for (const v1::StatementItemResponse& each : response.responses()) {
      texts.push_back(each.has_item() ? Short(each.item()) : "-");
    }
    return absl::StrJoin(texts, " ");
  }
  static v1::ExecuteTransactionRequest TransactionOf(const Texts& statements) {
    v1::ExecuteTransactionRequest request;
    for (const std::string& statement : statements) {
      request.add_transact_statements()->set_statement(statement);
    }
    return request;
  }
  std::string Transact(const Texts& statements) {
    return Transact(TransactionOf(statements));
  }

  static std::string Cancelled(absl::string_view codes) {
    return absl::StrCat(
        "TRANSACTION_CANCELED: Transaction cancelled, please refer "
        "cancellation reasons for specific reasons [",
        codes, "]");
  }
  static std::string Invalid(int i, absl::string_view what) {
    return absl::StrCat("VALIDATION: Validation failed in TransactStatements[",
                        i, "]: ", what);
  }

  google::protobuf::RepeatedPtrField<v1::ConsumedCapacity> capacity_;
  absl::Status last_error_;
};

TEST_F(PartiqlBatchTest, ReadsEachItem) {
  Put("plain", Plain("a") + N("n", "1"));
  Put("pairs", Pair("a", 2) +
                   "attributes { key: 'm' value { m { entries { "
                   "key: 'x' value { n: '5' } } } } }");
  v1::BatchExecuteStatementRequest request =
      BatchOf({"SELECT * FROM plain WHERE pk = 'a'",
               "SELECT m.x FROM pairs WHERE sk = 2 AND pk = ?",
               "SELECT n FROM plain WHERE pk = 'b'"});
  AddParameters({"s: 'a'"}, request.mutable_statements(1));
  request.mutable_statements(0)->set_consistent_read(true);
  request.set_return_consumed_capacity(v1::RETURN_CONSUMED_CAPACITY_TOTAL);
  EXPECT_THAT(Batch(request), ElementsAre("{n=1 pk='a'}", "{x=5}", ""));
  ASSERT_EQ(capacity_.size(), 2);
  EXPECT_EQ(capacity_[0].table_name(), "pairs");
  EXPECT_EQ(capacity_[0].capacity_units(), 0.5);
  EXPECT_EQ(capacity_[1].capacity_units(), 1.5);
}

TEST_F(PartiqlBatchTest, WritesEachItemAndTellsWhatFails) {
  Put("plain", Plain("a") + N("n", "1"));
  v1::BatchExecuteStatementRequest request = BatchOf(
      {"INSERT INTO plain VALUE {'pk': 'b'}",
       "INSERT INTO plain VALUE {'pk': 'a'}",
       "UPDATE plain SET n = 2 WHERE pk = 'a' AND n = 5",
       "UPDATE plain SET n = 3 WHERE pk = 'a' RETURNING ALL OLD *",
       "DELETE FROM nothing WHERE pk = 'a'", "DELETE FROM",
       "DELETE FROM plain WHERE n = 1", "DELETE FROM plain WHERE pk = 'c'"});
  request.mutable_statements(2)->set_return_values_on_condition_check_failure(
      v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  EXPECT_THAT(
      Batch(request),
      ElementsAre(
          "", "DUPLICATE_ITEM: Duplicate primary key exists in table",
          "CONDITIONAL_CHECK_FAILED: The conditional request failed{n=1 "
          "pk='a'}",
          "{n=1 pk='a'}",
          StartsWith("RESOURCE_NOT_FOUND: Requested resource not found"),
          "VALIDATION_ERROR: Statement wasn't well formed, can't be "
          "processed: Expected identifier for simple path",
          "VALIDATION_ERROR: Where clause does not contain a mandatory "
          "equality on all key attributes",
          ""));
  EXPECT_EQ(RunSorted("SELECT * FROM plain"), "{n=3 pk='a'} {pk='b'}");
}

TEST_F(PartiqlBatchTest, ReadsAreOfWholeKeys) {
  constexpr char kNoKey[] =
      "VALIDATION_ERROR: Select statements within BatchExecuteStatement must "
      "specify the primary key in the where clause.";
  EXPECT_THAT(Batch({"SELECT * FROM pairs WHERE pk = 'a'",
                     "SELECT * FROM pairs WHERE pk = 'a' AND sk = 1 AND n = 1",
                     "SELECT * FROM pairs.x WHERE pk = 'a' AND sk = 1",
                     "SELECT * FROM pairs"}),
              ElementsAre(kNoKey, kNoKey, kNoKey, kNoKey));
}

TEST_F(PartiqlBatchTest, BatchesHaveBounds) {
  const auto many = [](int count) {
    return Texts(static_cast<size_t>(count),
                 "SELECT * FROM plain WHERE pk='a'");
  };
  EXPECT_EQ(Batch(many(25)).size(), 25u);
  EXPECT_THAT(Batch(many(26)),
              ElementsAre(HasSubstr("length less than or equal to 25")));
  EXPECT_THAT(Batch(many(0)),
              ElementsAre(HasSubstr("length greater than or equal to 1")));
  EXPECT_THAT(Batch({"SELECT * FROM plain WHERE pk = 'a'",
                     "DELETE FROM plain WHERE pk = 'a'"}),
              ElementsAre(StartsWith("VALIDATION: A batch must consist of "
                                     "either")));
}

TEST_F(PartiqlBatchTest, ATransactionWritesAllOrNothing) {
  Put("plain", Plain("a") + N("n", "1"));
  Put("pairs", Pair("a", 1));
  EXPECT_EQ(
      Transact({"INSERT INTO plain VALUE {'pk': 'b'}",
                "UPDATE plain SET n = n + 1 WHERE pk = 'a'",
                "EXISTS(SELECT * FROM pairs WHERE pk = 'a' AND sk = 1 AND "
                "attribute_not_exists(n))",
                "DELETE FROM plain WHERE pk = 'c'"}),
      "");
  EXPECT_EQ(RunSorted("SELECT * FROM plain"), "{n=2 pk='a'} {pk='b'}");
  EXPECT_EQ(
      Transact({"INSERT INTO plain VALUE {'pk': 'c'}",
                "INSERT INTO plain VALUE {'pk': 'b'}",
                "UPDATE plain SET n = 7 WHERE pk = 'x'",
                "EXISTS(SELECT * FROM pairs WHERE pk = 'a' AND sk = 1 AND "
                "attribute_exists(n))",
                "EXISTS(SELECT * FROM pairs WHERE pk = 'a' AND sk = 2 AND "
                "attribute_not_exists(n))"}),
      Cancelled("None, DuplicateItem, ConditionalCheckFailed, "
                "ConditionalCheckFailed, ConditionalCheckFailed"));
  v1::TransactionCancellation detail;
  last_error_.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) {
        if (absl::EndsWith(url, ".TransactionCancellation")) {
          CHECK(detail.ParseFromString(std::string(payload)));
        }
      });
  EXPECT_EQ(detail.cancellation_reasons(1).code(), "DuplicateItem");
  EXPECT_EQ(detail.cancellation_reasons(1).message(),
            "Duplicate primary key exists in table");
  EXPECT_EQ(RunSorted("SELECT * FROM plain"), "{n=2 pk='a'} {pk='b'}");
}

TEST_F(PartiqlBatchTest, ATransactionReadsItems) {
  Put("plain", Plain("a") + N("n", "1"));
  Put("pairs", Pair("a", 1) + N("n", "5"));
  v1::ExecuteTransactionRequest request =
      TransactionOf({"SELECT * FROM plain WHERE pk = 'a'",
                     "SELECT n FROM pairs WHERE pk = 'a' AND sk = 1",
                     "SELECT * FROM plain WHERE pk = 'b'"});
  request.set_return_consumed_capacity(v1::RETURN_CONSUMED_CAPACITY_TOTAL);
  EXPECT_EQ(Transact(request), "{n=1 pk='a'} {n=5} -");
  ASSERT_EQ(capacity_.size(), 2);
  EXPECT_EQ(capacity_[1].read_capacity_units(), 4.0);
}

TEST_F(PartiqlBatchTest, ATokenMakesARepeatHarmless) {
  Put("plain", Plain("a") + N("n", "1"));
  v1::ExecuteTransactionRequest request =
      TransactionOf({"UPDATE plain SET n = n + 1 WHERE pk = 'a'"});
  request.set_client_request_token("token");
  EXPECT_EQ(Transact(request), "");
  EXPECT_EQ(Transact(request), "");
  EXPECT_EQ(Run("SELECT n FROM plain"), "{n=2}");
  request.mutable_transact_statements(0)->set_statement(
      "UPDATE plain SET n = n + 2 WHERE pk = 'a'");
  EXPECT_THAT(Transact(request), StartsWith("IDEMPOTENT_PARAMETER_MISMATCH"));
  request.set_client_request_token(std::string(37, 'x'));
  EXPECT_THAT(Transact(request), HasSubstr("length less than or equal to 36"));
}

TEST_F(PartiqlBatchTest, WhatIsWrongWithATransactionIsToldWithItsPlace) {
  EXPECT_EQ(Transact({"DELETE FROM plain WHERE pk = 'a'",
                      "UPDATE plain SET n = 1 WHERE pk = 'x' RETURNING ALL "
                      "NEW *"}),
            Invalid(1,
                    "RETURNING clause is not supported in "
                    "ExecuteTransaction."));
  EXPECT_EQ(Transact(Texts{"SELECT * FROM plain.x WHERE pk = 'a'"}),
            Invalid(0,
                    "Reads on indices are not supported within "
                    "transactions."));
  EXPECT_EQ(Transact(Texts{"SELECT * FROM plain WHERE"}),
            Invalid(0,
                    "Statement wasn't well formed, can't be processed: "
                    "Unexpected term"));
  EXPECT_EQ(Transact(Texts{"SELECT * FROM plain WHERE pk = 'a' AND n = 1"}),
            Invalid(0,
                    "Select statements within ExecuteTransaction must "
                    "specify the primary key in the where clause."));
  EXPECT_EQ(Transact(Texts{"EXISTS(SELECT * FROM plain WHERE pk = 'a')"}),
            Invalid(0,
                    "EXISTS() must contain a single item read with "
                    "additional condition"));
  EXPECT_THAT(Transact({"SELECT * FROM plain WHERE pk = 'a'",
                        "DELETE FROM plain WHERE pk = 'b'"}),
              StartsWith("VALIDATION: A transaction must consist of either"));
  EXPECT_THAT(Transact(Texts{"DELETE FROM nothing WHERE pk = 'b'"}),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Transact({"DELETE FROM plain WHERE pk = 'b'",
                        "UPDATE plain SET n = 1 WHERE pk = 'b'"}),
              HasSubstr("cannot include multiple operations on one item"));
}

TEST_F(PartiqlBatchTest, TransactionsHaveBounds) {
  const auto many = [](int count) {
    Texts statements;
    for (int i = 0; i < count; ++i) {
      statements.push_back(
          absl::StrCat("INSERT INTO plain VALUE {'pk': '", i, "'}"));
    }
    return statements;
  };
  EXPECT_THAT(Transact(many(101)),
              HasSubstr("length less than or equal to 100"));
  EXPECT_EQ(Transact(many(100)), "");
  EXPECT_THAT(Transact(many(0)),
              HasSubstr("length greater than or equal to 1"));
}

}  // namespace
}  // namespace pallet::service
