// SPDX-License-Identifier: Apache-2.0
//
// The words of refusals, as DynamoDB's clients and their tests know them: one
// row for each. Writes say "1 validation error detected: " before what is wrong
// with the request itself (kWrapped), and not before what is wrong with the
// table's schema or the data; reads never do.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/service/handlers/json_fixture.h"

namespace pallet::service {
namespace {

constexpr char kCondition[] =
    "ValidationException: 1 validation error detected: Invalid "
    "ConditionExpression: ";
constexpr char kUpdate[] =
    "ValidationException: 1 validation error detected: Invalid "
    "UpdateExpression: ";
constexpr char kKey[] = "'country':{'S':'at'},'year':{'N':'1'}";

// Requests to "cities"; `more` are members, each behind a comma.
std::string PutOf(absl::string_view attributes, absl::string_view more = "") {
  return absl::StrCat("{'TableName':'cities','Item':{", kKey, attributes, "}",
                      more, "}");
}
std::string ByKey(absl::string_view more) {
  return absl::StrCat("{'TableName':'cities','Key':{", kKey, "}", more, "}");
}
std::string With(absl::string_view parameter, absl::string_view expression,
                 absl::string_view values) {
  return absl::StrCat(
      ",'", parameter, "':'", expression, "'",
      values.empty()
          ? ""
          : absl::StrCat(",'ExpressionAttributeValues':{", values, "}"));
}
std::string If(absl::string_view condition, absl::string_view values = "",
               absl::string_view more = "") {
  return PutOf(
      "", With("ConditionExpression", condition, values) + std::string(more));
}
std::string Update(absl::string_view update, absl::string_view values = "",
                   absl::string_view more = "") {
  return ByKey(With("UpdateExpression", update, values) + std::string(more));
}
std::string Query(absl::string_view condition, absl::string_view values,
                  absl::string_view more = "") {
  return absl::StrCat("{'TableName':'cities'",
                      With("KeyConditionExpression", condition, values), more,
                      "}");
}
std::string ScanWith(absl::string_view more) {
  return absl::StrCat("{'TableName':'cities'", more, "}");
}

using MessagesTest = JsonHandlerTest;

TEST_F(MessagesTest, KeysOfItems) {
  const auto item = [](absl::string_view attributes) {
    return absl::StrCat("{'TableName':'cities','Item':{", attributes, "}}");
  };
  const std::string long_hash = absl::StrCat(
      "'country':{'S':'", std::string(2049, 'a'), "'},'year':{'N':'1'}");
  const char* kScalar =
      "Key attributes must be scalars; list random access '[]' and map lookup "
      "'.' are not allowed: ";
  Check({
      {"GetItem", "{'TableName':'cities','Key':{'country':{'S':'at'}}}", kPlain,
       "The provided key element does not match the schema"},
      {"PutItem", item("'country':{'S':'at'}"), kInvalid,
       "Missing the key year in the item"},
      {"PutItem", item("'country':{'N':'1'},'year':{'N':'1'}"), kInvalid,
       "Type mismatch for key country expected: S actual: N"},
      {"PutItem", PutOf(",'name':{'N':'1'}"), kInvalid,
       "Type mismatch for Index Key name Expected: S Actual: N IndexName: "
       "by_name"},
      {"PutItem", item("'country':{'S':''},'year':{'N':'1'}"), kNotValid,
       "The AttributeValue for a key attribute cannot contain an empty string "
       "value. Key: country"},
      {"PutItem", PutOf(",'name':{'S':''}"), kNotValid,
       "A value specified for a secondary index key is not supported. The "
       "AttributeValue for a key attribute cannot contain an empty string "
       "value. IndexName: by_name, IndexKey: name"},
      {"UpdateItem",
       Update("SET #n = :v", "':v':{'S':''}",
              ",'ExpressionAttributeNames':{'#n':'name'}"),
       kNotValid,
       "The update expression attempted to update a secondary index key to a "
       "value that is not supported. The AttributeValue for a key attribute "
       "cannot contain an empty string value. IndexName: by_name, IndexKey: "
       "name"},
      {"UpdateItem",
       Update("SET #n = :v", "':v':{'N':'1'}",
              ",'ExpressionAttributeNames':{'#n':'name'}"),
       kPlain,
       "The update expression attempted to update the secondary index key to "
       "unsupported type"},
      {"PutItem", item(long_hash), kInvalid,
       "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
      {"UpdateItem", Update("SET country = :v", "':v':{'S':'de'}"), kInvalid,
       "Cannot update attribute country. This attribute is part of the key"},
      {"UpdateItem", Update("SET country.a = :v", "':v':{'S':'de'}"), kPlain,
       absl::StrCat(kScalar, "Key: country")},
      {"UpdateItem",
       Update("SET #n[0] = :v", "':v':{'S':'de'}",
              ",'ExpressionAttributeNames':{'#n':'name'}"),
       kPlain, absl::StrCat(kScalar, "IndexKey: name")},
  });
}

TEST_F(MessagesTest, Values) {
  std::string deep = "{'L':[]}";
  for (int i = 1; i < 33; ++i) deep = absl::StrCat("{'L':[", deep, "]}");
  const std::string large =
      absl::StrCat("{'S':'", std::string(409590, 'a'), "'}");
  const auto value = [](absl::string_view text) {
    return PutOf(absl::StrCat(",'a':", text));
  };
  Check({
      {"PutItem", value(large), kPlain,
       "Item size has exceeded the maximum allowed size"},
      {"UpdateItem", Update("SET a = :v", "':v':" + large), kPlain,
       "Item size to update has exceeded the maximum allowed size"},
      {"PutItem", value(deep), kPlain,
       "Nesting Levels have exceeded supported limits: Attributes in the item "
       "have nested levels beyond supported limit"},
      {"PutItem", value("{}"), kPlain,
       "Supplied AttributeValue is empty, must contain exactly one of the "
       "supported datatypes"},
      {"PutItem", value("{'S':'a','N':'1'}"), kPlain,
       "Supplied AttributeValue has more than one datatypes set, must contain "
       "exactly one of the supported datatypes"},
      {"PutItem", PutOf(",'':{'S':'a'}"), kPlain, "Empty attribute name"},
      {"PutItem", value("{'N':'abc'}"), kPlain,
       "The parameter cannot be converted to a numeric value: abc"},
      {"PutItem", value("{'N':''}"), kPlain,
       "The parameter cannot be converted to a numeric value"},
      {"PutItem", value("{'N':'111111111111111111111111111111111111111'}"),
       kPlain,
       "Attempting to store more than 38 significant digits in a Number"},
      {"PutItem", value("{'N':'1e126'}"), kPlain,
       "Number overflow. Attempting to store a number with magnitude larger "
       "than supported range"},
      {"PutItem", value("{'N':'1e-131'}"), kPlain,
       "Number underflow. Attempting to store a number with magnitude smaller "
       "than supported range"},
      {"PutItem", value("{'NULL':false}"), kWrapped,
       "One or more parameter values were invalid: Null attribute value types "
       "must have the value of true"},
      {"PutItem", value("{'SS':[]}"), kWrapped,
       "One or more parameter values were invalid: An string set  may not be "
       "empty"},
      {"PutItem", value("{'NS':[]}"), kWrapped,
       "One or more parameter values were invalid: An number set  may not be "
       "empty"},
      {"PutItem", value("{'BS':[]}"), kWrapped,
       "One or more parameter values were invalid: Binary sets should not be "
       "empty"},
      {"GetItem", "{'TableName':'plain','Key':{'pk':{'SS':[]}}}", kInvalid,
       "An string set  may not be empty"},
      {"PutItem", value("{'SS':['a','a']}"), kWrapped,
       "One or more parameter values were invalid: Input collection [a, a] "
       "contains duplicates."},
      {"PutItem", value("{'NS':['1','1.0']}"), kWrapped,
       "Input collection contains duplicates"},
      {"PutItem", value("{'BS':['YQ==','YQ==']}"), kWrapped,
       "One or more parameter values were invalid: Input collection [YQ==, "
       "YQ==]of type BS contains duplicates."},
  });
}

TEST_F(MessagesTest, ParametersThatDoNotGoTogether) {
  const auto mixed = [](absl::string_view legacy,
                        absl::string_view expressions) {
    return absl::StrCat(
        "Can not use both expression and non-expression parameters in the same "
        "request: Non-expression parameters: {",
        legacy, "} Expression parameters: {", expressions, "}");
  };
  const char* kExpected = ",'Expected':{'a':{'Exists':false}}";
  const char* kNames = ",'ExpressionAttributeNames':{'#a':'a'}";
  const char* kValues = ",'ExpressionAttributeValues':{':a':{'S':'a'}}";
  const char* kNoNames =
      "ExpressionAttributeNames can only be specified when using expressions";
  const char* kNoValues =
      "ExpressionAttributeValues can only be specified when using "
      "expressions: ";
  Check({
      {"PutItem", If("a = b", "", kExpected), kWrapped,
       mixed("Expected", "ConditionExpression")},
      {"UpdateItem",
       Update("REMOVE a", "",
              absl::StrCat(",'ConditionExpression':'a = b','AttributeUpdates':"
                           "{'a':{'Value':{'N':'1'}}}",
                           kExpected)),
       kWrapped,
       mixed("AttributeUpdates, Expected",
             "UpdateExpression, ConditionExpression")},
      {"GetItem", ByKey(",'AttributesToGet':['a'],'ProjectionExpression':'a'"),
       kPlain, mixed("AttributesToGet", "ProjectionExpression")},
      {"PutItem", PutOf("", kNames), kWrapped, kNoNames},
      {"GetItem", ByKey(kNames), kPlain, kNoNames},
      {"PutItem", PutOf("", kValues), kWrapped,
       absl::StrCat(kNoValues, "ConditionExpression is null")},
      {"UpdateItem", ByKey(kValues), kWrapped,
       absl::StrCat(kNoValues,
                    "UpdateExpression and ConditionExpression are null")},
      {"PutItem", If("a = b", "", ",'ExpressionAttributeNames':{}"), kWrapped,
       "ExpressionAttributeNames must not be empty"},
      {"PutItem", If("a = b", "", ",'ExpressionAttributeValues':{}"), kWrapped,
       "ExpressionAttributeValues must not be empty"},
      {"PutItem", If("a = b", "", ",'ExpressionAttributeNames':{'a':'a'}"),
       kWrapped,
       "ExpressionAttributeNames contains invalid key: Syntax error; key: "
       "\"a\""},
      {"PutItem", If("a = b", "'a':{'S':'a'}"), kWrapped,
       "ExpressionAttributeValues contains invalid key: Syntax error; key: "
       "\"a\""},
      {"PutItem",
       If("a = b", "", ",'ExpressionAttributeNames':{'#a':'a','#b':'b'}"),
       kWrapped,
       "Value provided in ExpressionAttributeNames unused in expressions: "
       "keys: {#a, #b}"},
      {"PutItem", If("a = b", "':a':{'S':'a'}"), kWrapped,
       "Value provided in ExpressionAttributeValues unused in expressions: "
       "keys: {:a}"},
      {"PutItem", PutOf("", ",'ReturnValues':'ALL_NEW'"), kWrapped,
       "ReturnValues can only be ALL_OLD or NONE"},
  });
}

TEST_F(MessagesTest, Conditions) {
  const char* kTwo = "':a':{'N':'2'},':b':{'N':'1'}";
  Check({
      {"PutItem", If("#a = b"), kCondition,
       "An expression attribute name used in the document path is not defined; "
       "attribute name: #a"},
      {"PutItem", If("a = :v"), kCondition,
       "An expression attribute value used in expression is not defined; "
       "attribute value: :v"},
      {"PutItem", If("size = a"), kCondition,
       "Attribute name is a reserved keyword; reserved keyword: size"},
      {"PutItem", If(""), kCondition, "The expression can not be empty;"},
      {"PutItem", If("!!"), kCondition,
       "Syntax error; token: \"!\", near: \"!!\""},
      {"PutItem", If("((a = b))"), kCondition,
       "The expression has redundant parentheses;"},
      {"PutItem", If("begins_with(a, :v)", "':v':{'N':'1'}"), kCondition,
       "Incorrect operand type for operator or function; operator or function: "
       "begins_with, operand type: N"},
      {"PutItem", If("attribute_exists(a, b)"), kCondition,
       "Incorrect number of operands for operator or function; operator or "
       "function: attribute_exists, number of operands: 2"},
      {"PutItem", If("attribute_exists(:v)", "':v':{'N':'1'}"), kCondition,
       "Operator or function requires a document path; operator or function: "
       "attribute_exists"},
      {"PutItem", If("foo(a)"), kCondition,
       "Invalid function name; function: foo"},
      {"PutItem", If("size(a)"), kCondition,
       "The function is not allowed to be used this way in an expression; "
       "function: size"},
      {"PutItem", If("contains(a, a)"), kCondition,
       "The first operand must be distinct from the remaining operands for "
       "this operator or function; operator: contains, first operand: [a]"},
      {"PutItem", If("a BETWEEN :a AND :b", "':a':{'N':'1'},':b':{'S':'a'}"),
       kCondition,
       "The BETWEEN operator requires same data type for lower and upper "
       "bounds; lower bound operand: AttributeValue: {N:1}, upper bound "
       "operand: AttributeValue: {S:a}"},
      {"PutItem", If("a BETWEEN :a AND :b", kTwo), kCondition,
       "The BETWEEN operator requires upper bound to be greater than or equal "
       "to lower bound; lower bound operand: AttributeValue: {N:2}, upper "
       "bound operand: AttributeValue: {N:1}"},
      {"PutItem", If("a[99999999999999] = b"), kCondition,
       "List index is not within the allowable range; index: "
       "[99999999999999]"},
      {"PutItem", If("attribute_exists(country)"),
       "ConditionalCheckFailedException: ", "The conditional request failed"},
  });
}

TEST_F(MessagesTest, Updates) {
  Ask("PutItem", PutOf(",'a':{'S':'x'}"));
  const char* kOne = "':v':{'N':'1'}";
  const char* kText = "':v':{'S':'a'}";
  const char* kRewrite = "; must remove or rewrite one of these paths; path ";
  Check({
      {"UpdateItem", Update(""), kUpdate, "The expression can not be empty;"},
      {"UpdateItem", Update("SET b.c = :v, b = :v", kOne), kUpdate,
       absl::StrCat("Two document paths overlap with each other", kRewrite,
                    "one: [b, c], path two: [b]")},
      {"UpdateItem", Update("SET b.c = :v, b[1] = :v", kOne), kUpdate,
       absl::StrCat("Two document paths conflict with each other", kRewrite,
                    "one: [b, c], path two: [b, [1]]")},
      {"UpdateItem", Update("SET b = :v SET c = :v", kOne), kUpdate,
       "The \"SET\" section can only be used once in an update expression;"},
      {"UpdateItem", Update("ADD b :v", kText), kUpdate,
       "Incorrect operand type for operator or function; operator: ADD, "
       "operand type: STRING"},
      {"UpdateItem", Update("DELETE b :v", kText), kUpdate,
       "Incorrect operand type for operator or function; operator: DELETE, "
       "operand type: STRING"},
      {"UpdateItem", Update("SET b = c"), kPlain,
       "The provided expression refers to an attribute that does not exist in "
       "the item"},
      {"UpdateItem", Update("SET b = a + :v", kOne), kPlain,
       "An operand in the update expression has an incorrect data type"},
      {"UpdateItem",
       ByKey(",'AttributeUpdates':{'a':{'Action':'ADD','Value':{'N':'1'}}}"),
       kPlain, "Type mismatch for attribute to update"},
      {"UpdateItem", Update("SET b.c = :v", kOne), kPlain,
       "The document path provided in the update expression is invalid for "
       "update"},
  });
}

TEST_F(MessagesTest, KeyConditions) {
  const char* kIn = "Invalid condition in KeyConditionExpression: ";
  const char* kMany = "KeyConditionExpressions ";
  const char* kAt = "':v':{'S':'at'}";
  const auto with = [](absl::string_view more) {
    return Query("country = :v", "':v':{'S':'at'}", more);
  };
  Check({
      {"Query",
       Query("#y = :v", "':v':{'N':'1'}",
             ",'ExpressionAttributeNames':{'#y':'year'}"),
       kPlain, "Query condition missed key schema element: country"},
      {"Query", Query("country < :v", kAt), kPlain,
       "Query key condition not supported"},
      {"Query", Query("country = :v OR a = :v", kAt), kPlain,
       "Invalid operator used in KeyConditionExpression: OR"},
      {"Query", Query("country = :v AND country = :v", kAt), kPlain,
       absl::StrCat(kMany, "must only contain one condition per key")},
      {"Query", Query("country = :v AND a > size(b)", kAt), kPlain,
       absl::StrCat(kMany, "cannot contain nested operations")},
      {"Query", Query("country = :v AND a.b = :v", kAt), kPlain,
       absl::StrCat(kMany, "cannot have conditions on nested attributes")},
      {"Query", Query("country = :v AND a = b", kAt), kPlain,
       absl::StrCat(kIn, "Multiple attribute names used in one condition")},
      {"Query", Query("country = :v AND :v = :v", kAt), kPlain,
       absl::StrCat(kIn, "No key attribute specified")},
      {"Query", Query("country = :v AND :v BETWEEN a AND :v", kAt), kPlain,
       absl::StrCat(kIn,
                    "BETWEEN operator must have the key attribute as its first "
                    "operand")},
      {"Query", Query("country = :v", "':v':{'N':'1'}"), kInvalid,
       "Condition parameter type does not match schema type"},
      {"Query",
       with(",'FilterExpression':'#y = :v','ExpressionAttributeNames':{"
            "'#y':'year'}"),
       kPlain,
       "Filter Expression can only contain non-primary key attributes: Primary "
       "key attribute: year"},
      {"Query", with(",'ExclusiveStartKey':{'country':{'S':'at'}}"), kPlain,
       "The provided starting key is invalid"},
      {"Query",
       with(",'ExclusiveStartKey':{'country':{'S':'x'},'year':{'N':'1'}}"),
       kPlain,
       "The provided starting key is outside query boundaries based on "
       "provided conditions"},
      {"Scan", ScanWith(",'ExclusiveStartKey':{'country':{'S':'x'}}"), kPlain,
       "The provided starting key is invalid: The provided key element does "
       "not match the schema"},
  });
}

TEST_F(MessagesTest, Reads) {
  const auto by_name = [](absl::string_view more) {
    return Query("#n = :v", "':v':{'S':'a'}",
                 absl::StrCat(",'ExpressionAttributeNames':{'#n':'name'},"
                              "'IndexName':'by_name'",
                              more));
  };
  const auto with = [](absl::string_view more) {
    return Query("country = :v", "':v':{'S':'at'}", more);
  };
  const char* kSpecific =
      "Must specify the AttributesToGet or ProjectionExpression when choosing "
      "to get SPECIFIC_ATTRIBUTES";
  Check({
      {"Query", with(",'IndexName':'none'"), kPlain,
       "The table does not have the specified index: none"},
      {"Query", by_name(",'ConsistentRead':true"), kPlain,
       "Consistent reads are not supported on global secondary indexes"},
      {"Query", by_name(",'Select':'ALL_ATTRIBUTES'"), kInvalid,
       "Select type ALL_ATTRIBUTES is not supported for global secondary index "
       "by_name because its projection type is not ALL"},
      {"Query", with(",'Select':'SPECIFIC_ATTRIBUTES'"), kWrapped, kSpecific},
      {"Scan", ScanWith(",'Select':'SPECIFIC_ATTRIBUTES'"), kPlain, kSpecific},
      {"Query", with(",'Select':'COUNT','ProjectionExpression':'a'"), kPlain,
       "Cannot specify the ProjectionExpression when choosing to get COUNT"},
      {"Query", with(",'Limit':0"), kWrapped,
       "Value at 'Limit' failed to satisfy constraint: Member must have value "
       "greater than or equal to 1"},
      {"Scan", ScanWith(",'Limit':0"), kWrapped,
       "Value '0' at 'limit' failed to satisfy constraint: Member must have "
       "value greater than or equal to 1"},
      {"Scan", ScanWith(",'Segment':0"), kPlain,
       "The TotalSegments parameter is required but was not present in the "
       "request when Segment parameter is present"},
      {"Scan", ScanWith(",'TotalSegments':1"), kPlain,
       "The Segment parameter is required but was not present in the request "
       "when parameter TotalSegments is present"},
      {"Scan", ScanWith(",'TotalSegments':5,'Segment':5"), kPlain,
       "The Segment parameter is zero-based and must be less than parameter "
       "TotalSegments: Segment: 5 is not less than TotalSegments: 5"},
      {"BatchGetItem", "{'RequestItems':{}}", kPlain,
       "The requestItems parameter is required for BatchGetItem"},
      {"BatchGetItem",
       "{'RequestItems':{'plain':{'Keys':[{'pk':{'S':'a'}},{'pk':{'S':'a'}}]}}"
       "}",
       kPlain, "Provided list of item keys contains duplicates"},
  });
}

TEST_F(MessagesTest, Transactions) {
  const std::string put = absl::StrCat("'Put':", PutOf(""));
  const auto transact = [](absl::string_view actions) {
    return absl::StrCat("{'TransactItems':[", actions, "]}");
  };
  Check({
      {"TransactWriteItems", transact(absl::StrCat("{", put, "},{", put, "}")),
       kPlain,
       "Transaction request cannot include multiple operations on one item"},
      {"TransactWriteItems",
       transact(absl::StrCat("{", put, ",'Delete':", ByKey(""), "}")), kPlain,
       "TransactItems can only contain one of Check, Put, Update or Delete"},
      {"TransactWriteItems", transact(""), kWrapped,
       "Value '[]' at 'transactItems' failed to satisfy constraint: Member "
       "must have length greater than or equal to 1"},
      {"TransactWriteItems",
       transact(absl::StrCat(
           "{'Put':", If("attribute_exists(country)"),
           "},{'Put':{'TableName':'plain','Item':{'pk':{'S':'a'}}}}")),
       "TransactionCanceledException: ",
       "Transaction cancelled, please refer cancellation reasons for specific "
       "reasons [ConditionalCheckFailed, None]"},
  });
}

}  // namespace
}  // namespace pallet::service
