// SPDX-License-Identifier: Apache-2.0
//
// TransactWriteItems and TransactGetItems through their handlers: all or none,
// reasons, limits, tokens, conflicts. The stores are in memory and answer at once;
// what happens side by side is tests/fault/transaction_kill9_test.cc's.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/transaction.pb.h"
#include "tests/unit/service/handlers/transact_fixture.h"

namespace pallet::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kCancelled[] =
    "TRANSACTION_CANCELED: Transaction cancelled, please refer cancellation "
    "reasons for specific reasons ";

std::string Many(int count, absl::string_view prefix = "m") {
  std::string actions;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&actions,
                    " transact_items { put { table_name: 'plain' item { "
                    "attributes { key: 'pk' value { s: '",
                    prefix, i, "' } } } } }");
  }
  return actions;
}

TEST_F(TransactTest, WritesItemsOfSeveralPartitionsAndTables) {
  ASSERT_EQ(
      Write(Many(20) +
            Act("put", absl::StrCat("item {", Pair("p", 7), "}"), "pairs")),
      "");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(IsThere(absl::StrCat("m", i))) << i;
  EXPECT_THAT(Call("GetItem", absl::StrCat("table_name: 'pairs' key {",
                                           Pair("p", 7), "}")),
              HasSubstr("item"));
}

TEST_F(TransactTest, DoesAllKindsOfActions) {
  Put("plain", Plain("gone"));
  Put("plain", Plain("count") + N("n", "4"));
  Put("plain", Plain("stays"));
  ASSERT_THAT(
      Write(PutOf("made") +
            Act("delete", absl::StrCat("key {", Plain("gone"), "}")) +
            Act("update",
                absl::StrCat("key {", Plain("count"),
                             "} update_expression: 'ADD n :one' "
                             "expression_attribute_values { key: ':one' value "
                             "{ n: '1' } }")) +
            Act("condition_check", absl::StrCat("key {", Plain("stays"), "}",
                                                If("attribute_exists(pk)")))),
      IsEmpty());
  EXPECT_TRUE(IsThere("made"));
  EXPECT_FALSE(IsThere("gone"));
  EXPECT_THAT(Get("count"), HasSubstr("n: \"5\""));
  EXPECT_TRUE(IsThere("stays"));
}

TEST_F(TransactTest, OneFailedConditionLeavesAllAsTheyAre) {
  Put("plain", Plain("b") + S("v", "old"));
  EXPECT_EQ(Write(PutOf("a") + PutOf("b", If("attribute_not_exists(pk)")) +
                  PutOf("c", If("attribute_exists(v)")) + PutOf("d")),
            absl::StrCat(kCancelled,
                         "[None, ConditionalCheckFailed, "
                         "ConditionalCheckFailed, None]"));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_FALSE(IsThere("d"));
  EXPECT_THAT(Get("b"), HasSubstr("old"));
  // Nothing stays locked.
  EXPECT_THAT(Write(PutOf("a") + PutOf("b") + PutOf("c") + PutOf("d")),
              IsEmpty());
}

TEST_F(TransactTest, ReasonsCarryTheItemIfAskedFor) {
  Put("plain", Plain("b") + S("v", "old"));
  const Operation* run = registry_.Find("TransactWriteItems");
  v1::TransactWriteItemsRequest request;
  v1::Put* put = request.add_transact_items()->mutable_put();
  put->set_table_name("plain");
  (*put->mutable_item()->mutable_attributes())["pk"].set_s("b");
  put->set_condition_expression("attribute_not_exists(pk)");
  put->set_return_values_on_condition_check_failure(
      v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  absl::Status status;
  (*run)(request.SerializeAsString(), {},
         [&](absl::StatusOr<std::string> answer) { status = answer.status(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const auto payload = status.GetPayload(
      "type.googleapis.com/pallet.v1.TransactionCancellation");
  ASSERT_TRUE(payload.has_value());
  v1::TransactionCancellation detail;
  ASSERT_TRUE(detail.ParseFromString(std::string(*payload)));
  ASSERT_EQ(detail.cancellation_reasons_size(), 1);
  EXPECT_EQ(detail.cancellation_reasons(0).code(), "ConditionalCheckFailed");
  EXPECT_EQ(detail.cancellation_reasons(0).message(),
            "The conditional request failed");
  EXPECT_EQ(detail.cancellation_reasons(0).item().attributes().at("v").s(),
            "old");
}

TEST_F(TransactTest, RefusesWhatIsNoTransaction) {
  EXPECT_EQ(Write(""),
            "VALIDATION: 1 validation error detected: Value '[]' at "
            "'transactItems' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1");
  EXPECT_THAT(Write(Many(100)), IsEmpty());
  EXPECT_THAT(Write(Many(101)),
              HasSubstr("Member must have length less than or equal to 100"));
  EXPECT_EQ(Write(" transact_items { }"),
            "VALIDATION: TransactItems can only contain one of Check, Put, "
            "Update or Delete");
  EXPECT_EQ(Write(PutOf("a") + PutOf("a")),
            "VALIDATION: Transaction request cannot include multiple "
            "operations on one item");
  EXPECT_EQ(Write(Act("put", absl::StrCat("item {", Plain("a"), "}"), "none")),
            "RESOURCE_NOT_FOUND: Requested resource not found");
  EXPECT_THAT(Write(Act("update", absl::StrCat("key {", Plain("a"), "}"))),
              HasSubstr("Value null at "
                        "'transactItems.1.member.update.updateExpression'"));
  EXPECT_THAT(
      Write(Act("condition_check", absl::StrCat("key {", Plain("a"), "}"))),
      HasSubstr("'transactItems.1.member.conditionCheck.conditionExpression'"));
  EXPECT_THAT(Write(PutOf("a", If("nonsense("))), StartsWith("VALIDATION"));
  EXPECT_THAT(Write(Act("put", absl::StrCat("item {", Plain(""), "}"))),
              StartsWith("VALIDATION: One or more parameter values"));
}

TEST_F(TransactTest, TellsTheFirstActionThatDoesNotFitItsTable) {
  EXPECT_EQ(Write(PutOf("a") + Act("put", "item {" + S("x", "b") + "}") +
                  Act("delete", "key {" + S("y", "b") + "}")),
            absl::StrCat(kCancelled, "[None, ValidationError, None]"));
  EXPECT_EQ(
      Write(Act("update", absl::StrCat("key {", Plain("a"),
                                       "} update_expression: 'SET pk = :v' "
                                       "expression_attribute_values { key: "
                                       "':v' value { s: 'x' } }"))),
      absl::StrCat(kCancelled, "[ValidationError]"));
}

TEST_F(TransactTest, SizesHaveTheirLimits) {
  const auto big = [](int i, size_t bytes) {
    return absl::StrCat(
        " transact_items { put { table_name: 'plain' item { "
        "attributes { key: 'pk' value { s: 'b",
        i, "' } } attributes { key: 'v' value { s: '", std::string(bytes, 'x'),
        "' } } } } }");
  };
  // pk + 2 + v + bytes = 400 KB.
  constexpr size_t kMost = 409600 - 2 - 2 - 1;
  EXPECT_THAT(Write(big(1, kMost)), IsEmpty());
  EXPECT_EQ(Write(big(1, kMost + 1)),
            "VALIDATION: Item size has exceeded the maximum allowed size");
  std::string whole;
  for (int i = 0; i < 10; ++i) whole += big(i, kMost);
  // Ten of them and 98,304 bytes: exactly 4 MB.
  EXPECT_THAT(
      Write(whole +
            Act("put", absl::StrCat("item {", Plain("last"),
                                    S("v", std::string(98297, 'x')), "}"))),
      IsEmpty());
  EXPECT_THAT(
      Write(whole +
            Act("put", absl::StrCat("item {", Plain("last"),
                                    S("v", std::string(98298, 'x')), "}"))),
      StartsWith("VALIDATION: The aggregate size"));
  // What an update makes is data: it cancels.
  EXPECT_EQ(
      Write(Act("update", absl::StrCat("key {", Plain("b1"),
                                       "} update_expression: 'SET w = v'"))),
      absl::StrCat(kCancelled, "[ValidationError]"));
}

TEST_F(TransactTest, CapacityIsDoubled) {
  Put("plain", Plain("check") + S("v", std::string(3000, 'x')));
  const std::string actions =
      Act("put", absl::StrCat("item {", Plain("a"),
                              S("v", std::string(1500, 'x')), "}")) +
      Act("condition_check", absl::StrCat("key {", Plain("check"), "}",
                                          If("attribute_exists(pk)")));
  EXPECT_THAT(
      Write(actions,
            "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL"),
      HasSubstr("consumed_capacity { table_name: \"plain\" capacity_units: 10 "
                "write_capacity_units: 10 }"));
  EXPECT_THAT(
      Write(actions,
            "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_INDEXES"),
      HasSubstr("table { write_capacity_units: 10 capacity_units: 10 }"));
}

TEST_F(TransactTest, ATokenMakesARepeatHarmless) {
  const std::string add =
      Act("update", absl::StrCat("key {", Plain("n"),
                                 "} update_expression: 'ADD n :one' "
                                 "expression_attribute_values { key: ':one' "
                                 "value { n: '1' } }"));
  // Of one partition, and of several.
  for (const std::string& more : {std::string(), Many(8)}) {
    const std::string token =
        absl::StrCat("client_request_token: 'token", more.size(), "' ");
    Call("DeleteItem",
         absl::StrCat("table_name: 'plain' key {", Plain("n"), "}"));
    ASSERT_THAT(Write(add + more, token), IsEmpty());
    EXPECT_THAT(
        Write(
            add + more,
            token + "return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL"),
        HasSubstr(
            absl::StrCat("read_capacity_units: ", more.empty() ? 2 : 18)));
    EXPECT_THAT(Get("n"), HasSubstr("n: \"1\""));
    Restart();
    EXPECT_THAT(Write(add + more, token), IsEmpty());
    EXPECT_THAT(Get("n"), HasSubstr("n: \"1\""));
    EXPECT_THAT(Write(PutOf("other"), token),
                StartsWith("IDEMPOTENT_PARAMETER_MISMATCH"));
    EXPECT_FALSE(IsThere("other"));
    clock_.Advance(absl::Minutes(10) - absl::Microseconds(1));
    EXPECT_THAT(Write(add + more, token), IsEmpty());
    EXPECT_THAT(Get("n"), HasSubstr("n: \"1\""));
    clock_.Advance(absl::Microseconds(1));
    EXPECT_THAT(Write(add + more, token), IsEmpty());
    EXPECT_THAT(Get("n"), HasSubstr("n: \"2\""));
  }
}

TEST_F(TransactTest, ACancelledRequestMayBeRepeatedUnderItsToken) {
  const std::string token = "client_request_token: 't'";
  for (const std::string& more : {std::string(), Many(8)}) {
    const std::string request = PutOf("a", If("attribute_exists(pk)")) + more;
    Call("DeleteItem",
         absl::StrCat("table_name: 'plain' key {", Plain("a"), "}"));
    EXPECT_THAT(Write(request, token), StartsWith("TRANSACTION_CANCELED"));
    Put("plain", Plain("a"));
    EXPECT_THAT(Write(request, token), IsEmpty());
    clock_.Advance(absl::Minutes(11));
  }
}

TEST_F(TransactTest, TokensHaveOneToThirtySixCharacters) {
  EXPECT_THAT(Write(PutOf("a"), "client_request_token: ''"),
              StartsWith("VALIDATION"));
  EXPECT_THAT(Write(PutOf("a"), absl::StrCat("client_request_token: '",
                                             std::string(36, 't'), "'")),
              IsEmpty());
  EXPECT_THAT(Write(PutOf("a"), absl::StrCat("client_request_token: '",
                                             std::string(37, 't'), "'")),
              StartsWith("VALIDATION"));
}

TEST_F(TransactTest, TokensAreForgottenWhenTheirTimeIsOver) {
  ASSERT_THAT(Write(PutOf("a"), "client_request_token: 't'"), IsEmpty());
  const auto sweep = [this] {
    size_t swept = 0;
    for (const char* name : {"plain", "~ledger"}) {
      const cluster::TablePtr table = host_->FindTable(name);
      for (const auto& partition : table->partitions) {
        swept += transactions_->Sweep(partition).value();
      }
    }
    return swept;
  };
  EXPECT_EQ(sweep(), 0u);
  clock_.Advance(absl::Minutes(10));
  // The claim and what became of it.
  EXPECT_EQ(sweep(), 2u);
  EXPECT_EQ(sweep(), 0u);
}

TEST_F(TransactTest, SingleWritesHaveTokensToo) {
  const std::string update = absl::StrCat(
      "table_name: 'plain' key {", Plain("n"),
      "} update_expression: 'ADD n :one' return_values: "
      "RETURN_VALUE_UPDATED_NEW expression_attribute_values { key: ':one' "
      "value { n: '1' } } client_request_token: 't' ");
  const std::string first = Call("UpdateItem", update);
  EXPECT_THAT(first, HasSubstr("n: \"1\""));
  EXPECT_EQ(Call("UpdateItem", update), first);
  EXPECT_THAT(Get("n"), HasSubstr("n: \"1\""));
  EXPECT_THAT(
      Call("PutItem", absl::StrCat("table_name: 'plain' item {", Plain("n"),
                                   "} client_request_token: 't'")),
      StartsWith("IDEMPOTENT_PARAMETER_MISMATCH"));
  EXPECT_EQ(
      Call("DeleteItem",
           absl::StrCat("table_name: 'plain' key {", Plain("n"),
                        "} condition_expression: 'attribute_not_exists(pk)' "
                        "client_request_token: 'u'")),
      "CONDITIONAL_CHECK_FAILED: The conditional request failed");
}

TEST_F(TransactTest, LockedItemsConflict) {
  Put("plain", Plain("b"));
  Lock("a", "token", "id", storage::v1::LOCK_KIND_PUT);
  EXPECT_THAT(Call("PutItem",
                   absl::StrCat("table_name: 'plain' item {", Plain("a"), "}")),
              StartsWith("TRANSACTION_CONFLICT"));
  EXPECT_EQ(Write(PutOf("a") + PutOf("b")),
            absl::StrCat(kCancelled, "[TransactionConflict, None]"));
  EXPECT_EQ(Call("TransactGetItems", GetOf("b") + GetOf("a")),
            absl::StrCat(kCancelled, "[None, TransactionConflict]"));
  std::string batch;
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&batch, "requests { delete_request { key {",
                    Plain(absl::StrCat(i)), "} } } ");
  }
  EXPECT_THAT(
      Call("BatchWriteItem",
           absl::StrCat("request_items { key: 'plain' value { requests { "
                        "put_request { item {",
                        Plain("a"), "} } } ", batch, "} }")),
      AllOf(StartsWith("unprocessed_items"), HasSubstr("s: \"a\"")));
  // Reads see what is committed.
  EXPECT_FALSE(IsThere("a"));
}

TEST_F(TransactTest, AStartAppliesWhatIsCommitted) {
  for (const char* pk : {"a", "b", "c"}) {
    Lock(pk, "token", "id", storage::v1::LOCK_KIND_PUT);
  }
  Put("plain", Plain("d"));
  Lock("d", "token", "id", storage::v1::LOCK_KIND_DELETE);
  Put("plain", Plain("e"));
  Lock("e", "token", "id", storage::v1::LOCK_KIND_CHECK);
  WriteLedger("token", "id", storage::v1::TRANSACTION_STATE_COMMITTED);
  Restart();
  for (const char* pk : {"a", "b", "c"}) {
    EXPECT_THAT(Get(pk), HasSubstr("locked")) << pk;
  }
  EXPECT_FALSE(IsThere("d"));
  EXPECT_TRUE(IsThere("e"));
  for (const char* pk : {"a", "b", "c", "d", "e"}) {
    EXPECT_FALSE(host_->locks().MayBeLocked(RowKey(pk))) << pk;
    Put("plain", Plain(pk));
  }
}

// A token is forgotten after ten minutes; what is committed never.
TEST_F(TransactTest, AStartAfterALongTimeAppliesWhatIsCommitted) {
  Lock("a", "token", "id", storage::v1::LOCK_KIND_PUT);
  WriteLedger("token", "id", storage::v1::TRANSACTION_STATE_COMMITTED);
  clock_.Advance(absl::Hours(24));
  Restart();
  EXPECT_THAT(Get("a"), HasSubstr("locked"));
}

TEST_F(TransactTest, AStartReleasesWhatIsNotCommitted) {
  Lock("a", "pending", "id", storage::v1::LOCK_KIND_PUT);
  WriteLedger("pending", "id", storage::v1::TRANSACTION_STATE_PENDING);
  Lock("b", "no record", "id", storage::v1::LOCK_KIND_PUT);
  Lock("c", "retried", "id", storage::v1::LOCK_KIND_PUT);
  WriteLedger("retried", "another attempt",
              storage::v1::TRANSACTION_STATE_COMMITTED);
  Put("plain", Plain("d"));
  Lock("d", "", "a read", storage::v1::LOCK_KIND_CHECK);
  Restart();
  for (const char* pk : {"a", "b", "c"}) EXPECT_FALSE(IsThere(pk)) << pk;
  for (const char* pk : {"a", "b", "c", "d"}) Put("plain", Plain(pk));
}

TEST_F(TransactTest, GetsItemsInTheOrderOfTheRequest) {
  Put("plain", Plain("a") + S("v", "1"));
  Put("plain", Plain("c") + S("v", "3"));
  const std::string answer =
      Call("TransactGetItems",
           GetOf("c") + GetOf("b") + GetOf("a", "projection_expression: 'v'") +
               " return_consumed_capacity: RETURN_CONSUMED_CAPACITY_TOTAL");
  EXPECT_THAT(answer,
              ::testing::ContainsRegex("responses .*\"c\".*responses \\{ "
                                       "\\} responses \\{ item .*\"1\""));
  EXPECT_THAT(answer, HasSubstr("read_capacity_units: 6"));
  EXPECT_EQ(Call("TransactGetItems", GetOf("a") + GetOf("a")),
            "VALIDATION: Transaction request cannot include multiple "
            "operations on one item");
  EXPECT_EQ(Call("TransactGetItems",
                 absl::StrReplaceAll(GetOf("a"), {{"pk", "x"}}) + GetOf("b")),
            absl::StrCat(kCancelled, "[ValidationError, None]"));
}

TEST_F(TransactTest, GetsManyItemsThatAreNotThere) {
  std::string gets;
  for (int i = 0; i < 100; ++i) gets += GetOf(absl::StrCat("none", i));
  // In several partitions: they are locked while they are read.
  EXPECT_THAT(Call("TransactGetItems", gets), StartsWith("responses {"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(host_->locks().MayBeLocked(RowKey(absl::StrCat("none", i))));
  }
}

}  // namespace
}  // namespace pallet::service
