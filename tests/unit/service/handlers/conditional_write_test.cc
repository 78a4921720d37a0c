// SPDX-License-Identifier: Apache-2.0
//
// Conditions of PutItem and DeleteItem, UpdateItem with all it returns, and the
// same said in legacy parameters.
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "pallet/v1/error_details.pb.h"
#include "pallet/v1/item.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kFailed[] =
    "CONDITIONAL_CHECK_FAILED: The conditional request failed";
constexpr char kOld[] = " return_values: RETURN_VALUE_ALL_OLD";

// expression_attribute_values entry.
std::string V(absl::string_view name, absl::string_view value) {
  return absl::StrCat(" expression_attribute_values { key: '", name,
                      "' value { ", value, " } }");
}

class ConditionalWriteTest : public HandlerTest {
 protected:
  std::string PutIf(absl::string_view item, absl::string_view more) {
    return Call("PutItem",
                absl::StrCat("table_name: 'plain' item {", item, "} ", more));
  }
  std::string DeleteIf(absl::string_view more) {
    return Call("DeleteItem", absl::StrCat("table_name: 'plain' key {",
                                           Plain("a"), "} ", more));
  }
  std::string Update(absl::string_view more, absl::string_view pk = "a") {
    return Call("UpdateItem", absl::StrCat("table_name: 'plain' key {",
                                           Plain(pk), "} ", more));
  }
  std::string Get(absl::string_view more = "") {
    return Call("GetItem", absl::StrCat("table_name: 'plain' key {", Plain("a"),
                                        "} ", more));
  }

  // The item that comes with a failed condition, as text; "" if none does.
  template <typename Request>
  std::string FailedItem(const Request& request, const char* operation) {
    const Operation* run = registry_.Find(operation);
    absl::Status status;
    absl::Notification answered;
    (*run)(request.SerializeAsString(), {},
           [&](absl::StatusOr<std::string> answer) {
             status = answer.status();
             answered.Notify();
           });
    answered.WaitForNotification();
    EXPECT_EQ(status.message(), "The conditional request failed");
    const auto detail = status.GetPayload(
        "type.googleapis.com/pallet.v1.ConditionalCheckFailure");
    if (!detail.has_value()) return "";
    v1::ConditionalCheckFailure failure;
    EXPECT_TRUE(failure.ParseFromString(std::string(*detail)));
    return failure.item().ShortDebugString();
  }
};

TEST_F(ConditionalWriteTest, Example) {
  const std::string absent = "condition_expression: 'attribute_not_exists(pk)'";
  EXPECT_EQ(PutIf(Plain("a") + N("v", "1"), absent), "");
  EXPECT_EQ(PutIf(Plain("a") + N("v", "2"), absent), kFailed);
  const std::string version_is =
      "condition_expression: 'v = :v'" + V(":v", "n: '1'");
  EXPECT_EQ(PutIf(Plain("a") + N("v", "2"), version_is), "");
  EXPECT_EQ(PutIf(Plain("a") + N("v", "3"), version_is), kFailed);
  EXPECT_THAT(Get(), HasSubstr("n: \"2\""));
  EXPECT_EQ(DeleteIf(version_is), kFailed);
  EXPECT_EQ(DeleteIf("condition_expression: 'v > :v'" + V(":v", "n: '1'")), "");
  EXPECT_EQ(Get(), "");
}

TEST_F(ConditionalWriteTest, ConditionsSeeTheOldItem) {
  EXPECT_EQ(PutIf(Plain("a") + N("v", "1"),
                  "condition_expression: 'attribute_exists(v)'"),
            kFailed);
  EXPECT_EQ(DeleteIf("condition_expression: 'attribute_exists(pk)'"), kFailed);
  EXPECT_EQ(DeleteIf("condition_expression: 'attribute_not_exists(pk)'"), "");
}

TEST_F(ConditionalWriteTest, AFailureBringsTheItemIfAsked) {
  Put("plain", Plain("a") + N("v", "7"));
  v1::PutItemRequest put;
  put.set_table_name("plain");
  (*put.mutable_item()->mutable_attributes())["pk"].set_s("a");
  put.set_condition_expression("attribute_not_exists(pk)");
  EXPECT_EQ(FailedItem(put, "PutItem"), "");
  put.set_return_values_on_condition_check_failure(
      v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  EXPECT_EQ(FailedItem(put, "PutItem"),
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"v\" value { n: \"7\" } }");
  v1::UpdateItemRequest update;
  update.set_table_name("plain");
  (*update.mutable_key()->mutable_attributes())["pk"].set_s("b");
  update.set_condition_expression("attribute_exists(pk)");
  update.set_return_values_on_condition_check_failure(
      v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  EXPECT_EQ(FailedItem(update, "UpdateItem"), "");  // there is none
  EXPECT_THAT(Update("return_values_on_condition_check_failure: 7"),
              StartsWith("VALIDATION: 1 validation error detected: Value '7' "
                         "at 'returnValuesOnConditionCheckFailure'"));
}

TEST_F(ConditionalWriteTest, UpdateMakesOrChangesTheItem) {
  EXPECT_EQ(Update("update_expression: 'SET v = if_not_exists(v, :0) + :1'" +
                   V(":0", "n: '0'") + V(":1", "n: '1'")),
            "");
  EXPECT_EQ(Update("update_expression: 'ADD v :1'" + V(":1", "n: '1'") +
                   " return_values: RETURN_VALUE_UPDATED_NEW"),
            "attributes { attributes { key: \"v\" value { n: \"2\" } } }");
  EXPECT_EQ(Get(),
            "item { attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"v\" value { n: \"2\" } } }");
}

TEST_F(ConditionalWriteTest, ABareUpdateMakesAnItemOfItsKey) {
  EXPECT_EQ(Update("return_values: RETURN_VALUE_ALL_NEW"),
            "attributes { attributes { key: \"pk\" value { s: \"a\" } } }");
  EXPECT_THAT(Get(), StartsWith("item {"));
  Put("plain", Plain("a") + N("v", "1"));
  EXPECT_EQ(Update("return_values: RETURN_VALUE_UPDATED_NEW"), "");
  EXPECT_THAT(Get(), HasSubstr("key: \"v\""));
}

TEST_F(ConditionalWriteTest, OnlyRemovingMakesNoItem) {
  EXPECT_EQ(Update("update_expression: 'REMOVE v'"), "");
  EXPECT_EQ(Get(), "");
  EXPECT_EQ(Update("attribute_updates { key: 'v' value { action: "
                   "ATTRIBUTE_ACTION_DELETE } }"),
            "");
  EXPECT_EQ(Get(), "");
}

TEST_F(ConditionalWriteTest, UpdateReturnsWhatIsAskedFor) {
  const auto updated = [&](absl::string_view returns) {
    Put("plain", Plain("a") + N("kept", "0") + N("v", "1"));
    return Update(absl::StrCat("update_expression: 'SET v = :2, w = :2'",
                               V(":2", "n: '2'"),
                               " return_values: RETURN_VALUE_", returns));
  };
  EXPECT_EQ(updated("NONE"), "");
  EXPECT_EQ(updated("ALL_OLD"),
            "attributes { attributes { key: \"kept\" value { n: \"0\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"v\" value { n: \"1\" } } }");
  EXPECT_EQ(updated("ALL_NEW"),
            "attributes { attributes { key: \"kept\" value { n: \"0\" } } "
            "attributes { key: \"pk\" value { s: \"a\" } } "
            "attributes { key: \"v\" value { n: \"2\" } } "
            "attributes { key: \"w\" value { n: \"2\" } } }");
  EXPECT_EQ(updated("UPDATED_OLD"),
            "attributes { attributes { key: \"v\" value { n: \"1\" } } }");
  EXPECT_EQ(updated("UPDATED_NEW"),
            "attributes { attributes { key: \"v\" value { n: \"2\" } } "
            "attributes { key: \"w\" value { n: \"2\" } } }");
  EXPECT_EQ(Update(absl::StrCat("update_expression: 'SET v = :2'",
                                V(":2", "n: '2'"), kOld),
                   "fresh"),
            "");
  EXPECT_EQ(Update("update_expression: 'REMOVE v' "
                   "return_values: RETURN_VALUE_UPDATED_NEW"),
            "");
}

TEST_F(ConditionalWriteTest, AnUpdateMayHaveACondition) {
  const std::string update =
      "update_expression: 'SET v = :1' "
      "condition_expression: 'v < :1'" +
      V(":1", "n: '1'");
  EXPECT_EQ(Update(update), kFailed);
  EXPECT_EQ(Get(), "");
  Put("plain", Plain("a") + N("v", "0"));
  EXPECT_EQ(Update(update), "");
  EXPECT_EQ(Update(update), kFailed);
}

TEST_F(ConditionalWriteTest, AnUpdateThatCannotBeDoneChangesNothing) {
  Put("plain", Plain("a") + S("v", "x"));
  EXPECT_EQ(
      Update("update_expression: 'SET w = :1, v = v + :1'" + V(":1", "n: '1'")),
      "VALIDATION: An operand in the update expression has an incorrect "
      "data type");
  EXPECT_EQ(Update("update_expression: 'SET x.y = :1'" + V(":1", "n: '1'")),
            "VALIDATION: The document path provided in the update expression "
            "is invalid for update");
  EXPECT_THAT(Get(), Not(HasSubstr("\"w\"")));
}

TEST_F(ConditionalWriteTest, KeysAreNotUpdated) {
  EXPECT_EQ(Update("update_expression: 'SET pk = :1'" + V(":1", "s: 'b'")),
            "VALIDATION: One or more parameter values were invalid: Cannot "
            "update attribute pk. This attribute is part of the key");
  EXPECT_EQ(
      Update("attribute_updates { key: 'pk' value { value { s: 'b' } } }"),
      "VALIDATION: One or more parameter values were invalid: Cannot "
      "update attribute pk. This attribute is part of the key");
  EXPECT_EQ(PutIf(Plain("a"),
                  "condition_expression: 'pk.x = :1'" + V(":1", "s: 'b'")),
            "VALIDATION: Key attributes must be scalars; list random access "
            "'[]' and map lookup '.' are not allowed: Key: pk");
}

TEST_F(ConditionalWriteTest, UpdatesAreChargedByTheLargerItem) {
  Put("plain", Plain("a") + S("v", std::string(3000, 'x')));
  EXPECT_EQ(Update("update_expression: 'REMOVE v' return_consumed_capacity: "
                   "RETURN_CONSUMED_CAPACITY_TOTAL"),
            "consumed_capacity { table_name: \"plain\" capacity_units: 3 }");
}

TEST_F(ConditionalWriteTest, WritesEnvelopeWhatIsWrongWithTheirLanguage) {
  const std::string detected = "VALIDATION: 1 validation error detected: ";
  EXPECT_EQ(
      PutIf(Plain("a"), "condition_expression: ''"),
      detected +
          "Invalid ConditionExpression: The expression can not be empty;");
  EXPECT_THAT(PutIf(Plain("a"), "condition_expression: 'a b'"),
              StartsWith(detected +
                         "Invalid ConditionExpression: Syntax error; token: "));
  EXPECT_EQ(PutIf(Plain("a"), V(":v", "s: 'x'")),
            detected +
                "ExpressionAttributeValues can only be specified when using "
                "expressions: ConditionExpression is null");
  EXPECT_EQ(Update(V(":v", "s: 'x'")),
            detected +
                "ExpressionAttributeValues can only be specified when using "
                "expressions: UpdateExpression and ConditionExpression are "
                "null");
  EXPECT_EQ(DeleteIf("expression_attribute_names { key: '#a' value: 'a' }"),
            detected +
                "ExpressionAttributeNames can only be specified when "
                "using expressions");
  EXPECT_EQ(PutIf(Plain("a"), "condition_expression: 'attribute_exists(a)'" +
                                  V(":v", "s: 'x'")),
            detected +
                "Value provided in ExpressionAttributeValues unused in "
                "expressions: keys: {:v}");
  EXPECT_EQ(
      PutIf(Plain("a"),
            "condition_expression: 'attribute_exists(a)' expected { key: 'a' "
            "value { exists: false } }"),
      detected +
          "Can not use both expression and non-expression parameters in "
          "the same request: Non-expression parameters: {Expected} "
          "Expression parameters: {ConditionExpression}");
  EXPECT_EQ(Update("update_expression: 'SET a = :v'" +
                   V(":v", "ss { values: 'a' values: 'a' }")),
            detected +
                "ExpressionAttributeValues contains invalid value: One "
                "or more parameter values were invalid: Input "
                "collection [a, a] contains duplicates. for key :v");
}

TEST_F(ConditionalWriteTest, ExpressionsAreReadBeforeTheTableIsLookedFor) {
  EXPECT_THAT(Call("UpdateItem", "table_name: 'none' key {" + Plain("a") +
                                     "} update_expression: 'SET'"),
              HasSubstr("Syntax error"));
  EXPECT_THAT(Call("UpdateItem", "table_name: 'none' key {" + Plain("a") +
                                     "} update_expression: 'REMOVE pk'"),
              StartsWith("RESOURCE_NOT_FOUND"));
}

// Legacy parameters.

std::string Expect(absl::string_view name, absl::string_view expected) {
  return absl::StrCat(" expected { key: '", name, "' value { ", expected,
                      " } }");
}

std::string Operator(absl::string_view op, absl::string_view values = "") {
  return absl::StrCat("comparison_operator: COMPARISON_OPERATOR_", op, " ",
                      values);
}

TEST_F(ConditionalWriteTest, ExpectedIsACondition) {
  EXPECT_EQ(PutIf(Plain("a") + N("v", "1"), Expect("pk", "exists: false")), "");
  EXPECT_EQ(PutIf(Plain("a") + N("v", "1"), Expect("pk", "exists: false")),
            kFailed);
  EXPECT_EQ(PutIf(Plain("a") + N("v", "1"), Expect("v", "value { n: '1.0' }")),
            "");
  EXPECT_EQ(PutIf(Plain("a"), Expect("v", "value { n: '2' }")), kFailed);
  const auto meets = [&](absl::string_view expected) {
    return PutIf(Plain("a") + N("v", "1") + S("s", "hello"), expected) == "";
  };
  EXPECT_TRUE(meets(""));
  const std::string one = "attribute_value_list { n: '1' } ";
  const std::string two = "attribute_value_list { n: '2' } ";
  EXPECT_TRUE(meets(Expect("v", Operator("EQ", one))));
  EXPECT_FALSE(meets(Expect("v", Operator("NE", one))));
  EXPECT_TRUE(meets(Expect("none", Operator("NE", one))));
  EXPECT_TRUE(meets(Expect("v", Operator("IN", two + one))));
  EXPECT_TRUE(meets(Expect("v", Operator("LE", one))));
  EXPECT_FALSE(meets(Expect("v", Operator("LT", one))));
  EXPECT_TRUE(meets(Expect("v", Operator("GE", one))));
  EXPECT_FALSE(meets(Expect("v", Operator("GT", one))));
  EXPECT_TRUE(meets(Expect("v", Operator("BETWEEN", one + two))));
  EXPECT_TRUE(meets(Expect("v", Operator("NOT_NULL"))));
  EXPECT_FALSE(meets(Expect("v", Operator("NULL"))));
  EXPECT_TRUE(meets(Expect("none", Operator("NULL"))));
  const std::string ell = "attribute_value_list { s: 'ell' } ";
  EXPECT_TRUE(meets(Expect("s", Operator("CONTAINS", ell))));
  EXPECT_FALSE(meets(Expect("s", Operator("NOT_CONTAINS", ell))));
  EXPECT_FALSE(meets(Expect("none", Operator("NOT_CONTAINS", ell))));
  EXPECT_FALSE(meets(Expect("s", Operator("BEGINS_WITH", ell))));
  EXPECT_TRUE(meets(Expect("v", Operator("EQ", "value { n: '1' }"))));
}

TEST_F(ConditionalWriteTest, SeveralExpectationsAreJoinedAsAsked) {
  Put("plain", Plain("a") + N("v", "1"));
  const std::string both =
      Expect("v", "value { n: '1' }") + Expect("w", "value { n: '1' }");
  EXPECT_EQ(DeleteIf(both), kFailed);
  EXPECT_EQ(DeleteIf(both + " conditional_operator: CONDITIONAL_OPERATOR_AND"),
            kFailed);
  EXPECT_EQ(DeleteIf(both + " conditional_operator: CONDITIONAL_OPERATOR_OR"),
            "");
}

TEST_F(ConditionalWriteTest, BadExpectationsAreRefused) {
  const std::string invalid =
      "VALIDATION: One or more parameter values were invalid: ";
  const auto refusal = [&](absl::string_view expected) {
    return DeleteIf(Expect("v", expected));
  };
  EXPECT_EQ(
      refusal("exists: true"),
      invalid + "Value must be provided when Exists is true for Attribute: v");
  EXPECT_EQ(
      refusal(""),
      invalid + "Value must be provided when Exists is null for Attribute: v");
  EXPECT_EQ(
      refusal("exists: false value { n: '1' }"),
      invalid + "Value cannot be used when Exists is false for Attribute: v");
  EXPECT_EQ(refusal(Operator("EQ", "exists: true")),
            invalid +
                "Exists and ComparisonOperator cannot be used together "
                "for Attribute: v");
  EXPECT_EQ(refusal("value { n: '1' } attribute_value_list { n: '1' }"),
            invalid +
                "Value and AttributeValueList cannot be used together "
                "for Attribute: v");
  EXPECT_EQ(refusal("attribute_value_list { n: '1' }"),
            invalid +
                "AttributeValueList can only be used with a "
                "ComparisonOperator for Attribute: v");
  EXPECT_EQ(refusal(Operator("EQ")),
            invalid +
                "Value or AttributeValueList must be used with "
                "ComparisonOperator: EQ for Attribute: v");
  EXPECT_EQ(refusal(Operator("BETWEEN", "attribute_value_list { n: '1' }")),
            invalid +
                "Invalid number of argument(s) for the BETWEEN "
                "ComparisonOperator");
  EXPECT_EQ(
      refusal(Operator("NULL", "attribute_value_list { n: '1' }")),
      invalid +
          "Invalid number of argument(s) for the NULL ComparisonOperator");
  EXPECT_EQ(refusal(Operator("LT", "attribute_value_list { bool: true }")),
            invalid +
                "ComparisonOperator LT is not valid for BOOL "
                "AttributeValue type");
  EXPECT_EQ(refusal(Operator("CONTAINS", "attribute_value_list { l {} }")),
            invalid +
                "ComparisonOperator CONTAINS is not valid for L "
                "AttributeValue type");
  EXPECT_EQ(refusal(Operator("IN",
                             "attribute_value_list { n: '1' } "
                             "attribute_value_list { s: '1' }")),
            invalid +
                "AttributeValues inside AttributeValueList must be of "
                "same type");
  EXPECT_EQ(refusal(Operator("BETWEEN",
                             "attribute_value_list { n: '2' } "
                             "attribute_value_list { n: '1' }")),
            "VALIDATION: The BETWEEN condition was provided a range where the "
            "lower bound is greater than the upper bound");
  EXPECT_EQ(DeleteIf("conditional_operator: CONDITIONAL_OPERATOR_OR"),
            "VALIDATION: ConditionalOperator cannot be used without Filter or "
            "Expected");
}

std::string Change(absl::string_view name, absl::string_view update) {
  return absl::StrCat(" attribute_updates { key: '", name, "' value { ", update,
                      " } }");
}

TEST_F(ConditionalWriteTest, AttributeUpdatesAreAnUpdate) {
  const std::string add = "action: ATTRIBUTE_ACTION_ADD ";
  const std::string del = "action: ATTRIBUTE_ACTION_DELETE ";
  EXPECT_EQ(
      Update(Change("n", "value { n: '1' }") +
             Change("l", "value { l { values { n: '1' } } }") +
             Change("c", add + "value { n: '5' }") +
             Change("ss", add + "value { ss { values: 'a' values: 'b' } }")),
      "");
  EXPECT_EQ(Update(Change("c", add + "value { n: '-2' }") +
                   Change("l", add + "value { l { values { n: '2' } } }") +
                   Change("n", del) +
                   Change("ss", del + "value { ss { values: 'a' } }") +
                   " return_values: RETURN_VALUE_UPDATED_NEW"),
            "attributes { attributes { key: \"c\" value { n: \"3\" } } "
            "attributes { key: \"l\" value { l { values { n: \"1\" } values { "
            "n: \"2\" } } } } "
            "attributes { key: \"ss\" value { ss { values: \"b\" } } } }");
  EXPECT_EQ(Update(Change("c", add + "value { ss { values: 'a' } }")),
            "VALIDATION: Type mismatch for attribute to update");
  const std::string invalid =
      "VALIDATION: One or more parameter values were invalid: ";
  EXPECT_EQ(Update(Change("c", "")),
            invalid +
                "Only DELETE action is allowed when no attribute value "
                "is specified");
  EXPECT_EQ(
      Update(Change("c", del + "value { n: '1' }")),
      invalid + "DELETE action with value is not supported for the type N");
  EXPECT_EQ(Update(Change("c", add + "value { s: '1' }")),
            invalid + "ADD action is not supported for the type S");
  EXPECT_THAT(Update("update_expression: 'REMOVE c'" + Change("c", del)),
              HasSubstr("Non-expression parameters: {AttributeUpdates} "
                        "Expression parameters: {UpdateExpression}"));
}

}  // namespace
}  // namespace pallet::service
