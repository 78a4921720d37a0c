// SPDX-License-Identifier: Apache-2.0
//
// Of several faults in one request the one that is found first is told: wrong
// JSON types, the table's name, constraints of members, the request's own rules
// and expressions, values, whether the table is there, its keys, conditions.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/service/handlers/json_fixture.h"

namespace pallet::service {
namespace {

enum Stage {
  kShape,
  kName,
  kConstraints,
  kRules,
  kValues,
  kTable,
  kKeys,
  kData,
};

class RefusalOrderTest : public JsonHandlerTest {
 protected:
  // A request with every fault from `first` on.
  static std::string RequestFrom(Stage first, absl::string_view item,
                                 absl::string_view expression) {
    const bool is_read = expression == "ProjectionExpression";
    std::string request = absl::StrCat("{'TableName':'",
                                       first <= kName    ? ""
                                       : first <= kTable ? "none"
                                                         : "cities",
                                       "','", expression, "':",
                                       first <= kShape   ? "3"
                                       : first <= kRules ? "'!!'"
                                       : is_read         ? "'a'"
                                                 : "'attribute_exists(a)'",
                                       ",'", item, "':{'country':{'S':'at'}");
    if (first <= kValues) request += ",'x':{'SS':[]}";
    if (first > kKeys) request += ",'year':{'N':'1'}";
    request += "}";
    if (first <= kConstraints) {
      request += ",'ReturnConsumedCapacity':'MUCH'";
      if (!is_read) request += ",'ReturnValues':'SOME'";
    }
    return request + "}";
  }
};

constexpr char kWrongType[] =
    "SerializationException: NUMBER_VALUE cannot be converted to String";
constexpr char kEmptyName[] =
    "Value '' at 'tableName' failed to satisfy constraint: Member must have "
    "length greater than or equal to 1";
constexpr char kBadReturnValues[] =
    "Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must "
    "satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, "
    "UPDATED_NEW]";
constexpr char kBadCapacity[] =
    "Value 'MUCH' at 'returnConsumedCapacity' failed to satisfy constraint: "
    "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]";
constexpr char kSyntax[] =
    "Expression: Syntax error; token: \"!\", near: \"!!\"";
constexpr char kEmptySet[] =
    "One or more parameter values were invalid: An string set  may not be "
    "empty";
constexpr char kNoMatch[] =
    "The provided key element does not match the schema";
constexpr char kFailed[] =
    "ConditionalCheckFailedException: The conditional request failed";

TEST_F(RefusalOrderTest, OfPutItemAndItTellsAllBadEnums) {
  const auto put = [](Stage first) {
    return RequestFrom(first, "Item", "ConditionExpression");
  };
  const char* kTwo = "ValidationException: 2 validation errors detected: ";
  Check({
      {"PutItem", put(kShape), kWrongType},
      {"PutItem", put(kName), kWrapped, kEmptyName},
      {"PutItem", put(kConstraints), kTwo,
       absl::StrCat(kBadReturnValues, "; ", kBadCapacity)},
      {"PutItem", put(kRules), kWrapped,
       absl::StrCat("Invalid Condition", kSyntax)},
      {"PutItem", put(kValues), kWrapped, kEmptySet},
      {"PutItem", put(kTable), kNotFound},
      {"PutItem", put(kKeys), kInvalid, "Missing the key year in the item"},
      {"PutItem", put(kData), kFailed},
  });
}

TEST_F(RefusalOrderTest, OfUpdateItemWhichStopsAtTheFirstBadEnum) {
  const auto update = [](Stage first) {
    return RequestFrom(first, "Key", "ConditionExpression");
  };
  Check({
      {"UpdateItem", update(kShape), kWrongType},
      {"UpdateItem", update(kName), kWrapped, kEmptyName},
      {"UpdateItem", update(kConstraints), kWrapped, kBadReturnValues},
      {"UpdateItem", update(kRules), kWrapped,
       absl::StrCat("Invalid Condition", kSyntax)},
      {"UpdateItem", update(kValues), kPlain, kEmptySet},
      {"UpdateItem", update(kTable), kNotFound},
      {"UpdateItem", update(kKeys), kPlain, kNoMatch},
      {"UpdateItem", update(kData), kFailed},
  });
}

TEST_F(RefusalOrderTest, OfGetItem) {
  const auto get = [](Stage first) {
    return RequestFrom(first, "Key", "ProjectionExpression");
  };
  Check({
      {"GetItem", get(kShape), kWrongType},
      {"GetItem", get(kName), kWrapped, kEmptyName},
      {"GetItem", get(kConstraints), kWrapped, kBadCapacity},
      {"GetItem", get(kRules), kPlain,
       absl::StrCat("Invalid Projection", kSyntax)},
      {"GetItem", get(kValues), kPlain, kEmptySet},
      {"GetItem", get(kTable), kNotFound},
      {"GetItem", get(kKeys), kPlain, kNoMatch},
      {"GetItem", get(kData), "{}"},
  });
}

TEST_F(RefusalOrderTest, AtMostTenConstraintsAreTold) {
  std::string definitions;
  for (int i = 0; i < 12; ++i) {
    absl::StrAppend(&definitions, i == 0 ? "" : ",",
                    "{'AttributeName':'a','AttributeType':'X'}");
  }
  EXPECT_THAT(
      Ask("CreateTable", absl::StrCat("{'TableName':'new','KeySchema':[{"
                                      "'AttributeName':'a','KeyType':'HASH'}],"
                                      "'AttributeDefinitions':[",
                                      definitions, "]}")),
      ::testing::AllOf(
          ::testing::StartsWith("ValidationException: 10 validation "
                                "errors detected: "),
          ::testing::HasSubstr("attributeDefinitions.10.member"),
          ::testing::Not(
              ::testing::HasSubstr("attributeDefinitions.11.member"))));
}

}  // namespace
}  // namespace pallet::service
