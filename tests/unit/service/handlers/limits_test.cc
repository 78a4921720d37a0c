// SPDX-License-Identifier: Apache-2.0
//
// Limits that several operations have, or that only a whole request can meet:
// each at the limit and one over it. docs/limits.md lists all of them.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/unit/service/handlers/json_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LimitsTest : public JsonHandlerTest {
 protected:
  // Whether the request got past every check of its form.
  static ::testing::Matcher<std::string> IsTaken() {
    return ::testing::AnyOf(StartsWith("{"),
                            StartsWith("ConditionalCheckFailedException"));
  }

  // A table "new" whose only index has what `index` says; an answer that took
  // it is "OK", and the table is gone again.
  std::string CreateWith(absl::string_view attribute, absl::string_view index) {
    const std::string answer = Ask(
        "CreateTable",
        absl::StrCat(
            "{'TableName':'new','BillingMode':'PAY_PER_REQUEST',"
            "'AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}"
            ",{'AttributeName':'",
            attribute,
            "','AttributeType':'S'}],'KeySchema':[{'AttributeName':'pk',"
            "'KeyType':'HASH'}],'GlobalSecondaryIndexes':[{",
            index, "}]}"));
    if (!absl::StartsWith(answer, "{")) return answer;
    Ask("DeleteTable", "{'TableName':'new'}");
    return "OK";
  }
};

std::string Letters(size_t count) { return std::string(count, 'a'); }

std::string IndexOf(absl::string_view name, absl::string_view attribute,
                    absl::string_view projection) {
  return absl::StrCat("'IndexName':'", name,
                      "','KeySchema':[{'AttributeName':", "'", attribute,
                      "','KeyType':'HASH'}],'Projection':{", projection, "}");
}

constexpr char kAll[] = "'ProjectionType':'ALL'";

TEST_F(LimitsTest, EveryExpressionHas4096Bytes) {
  struct Case {
    const char* operation;
    const char* request;  // up to the expression
    const char* parameter;
    const char* expression;
  };
  constexpr char kTable[] = "{'TableName':'plain'";
  constexpr char kKey[] = "{'TableName':'plain','Key':{'pk':{'S':'a'}}";
  constexpr char kByPk[] =
      "{'TableName':'plain','ExpressionAttributeValues':{':p':{'S':'a'}}";
  constexpr char kFiltered[] =
      "{'TableName':'plain','ExpressionAttributeValues':{':p':{'S':'a'}},"
      "'KeyConditionExpression':'pk = :p'";
  const Case cases[] = {
      {"PutItem", "{'TableName':'plain','Item':{'pk':{'S':'a'}}",
       "ConditionExpression", "a = b"},
      {"DeleteItem", kKey, "ConditionExpression", "a = b"},
      {"UpdateItem", kKey, "ConditionExpression", "a = b"},
      {"UpdateItem", kKey, "UpdateExpression", "REMOVE a"},
      {"GetItem", kKey, "ProjectionExpression", "a"},
      {"Query", kByPk, "KeyConditionExpression", "pk = :p"},
      {"Query", kFiltered, "FilterExpression", "a = b"},
      {"Query", kFiltered, "ProjectionExpression", "a"},
      {"Scan", kTable, "FilterExpression", "a = b"},
      {"Scan", kTable, "ProjectionExpression", "a"},
  };
  for (const Case& each : cases) {
    const auto ask = [&](size_t size) {
      std::string expression = each.expression;
      expression.resize(size, ' ');
      return Ask(each.operation,
                 absl::StrCat(each.request, ",'", each.parameter, "':'",
                              expression, "'}"));
    };
    SCOPED_TRACE(absl::StrCat(each.operation, " ", each.parameter));
    EXPECT_THAT(ask(4096), IsTaken());
    EXPECT_THAT(ask(4097),
                HasSubstr(absl::StrCat("Invalid ", each.parameter,
                                       ": Expression size has exceeded the "
                                       "maximum allowed size; expression size: "
                                       "4097")));
  }
}

TEST_F(LimitsTest, ExpressionsAreMeasuredInBytesAsTheyAreWritten) {
  const auto ask = [&](size_t size) {
    // Two bytes each, and no name of an attribute.
    std::string expression;
    while (expression.size() < size) expression += "\xC3\xA9";
    return Ask("GetItem",
               absl::StrCat("{'TableName':'plain','Key':{'pk':{'S':'a'}},"
                            "'ProjectionExpression':'",
                            expression, "'}"));
  };
  EXPECT_THAT(ask(4096), HasSubstr("Syntax error"));
  EXPECT_THAT(ask(4098), HasSubstr("expression size: 4098"));
}

TEST_F(LimitsTest, ValuesOfExpressionsNest32Levels) {
  const auto ask = [&](int levels) {
    std::string value = "{'L':[]}";
    for (int i = 1; i < levels; ++i) {
      value = absl::StrCat("{'L':[", value, "]}");
    }
    return Ask("PutItem",
               absl::StrCat("{'TableName':'plain','Item':{'pk':{'S':'a'}},"
                            "'ConditionExpression':'a = :v',"
                            "'ExpressionAttributeValues':{':v':",
                            value, "}}"));
  };
  EXPECT_THAT(ask(32), IsTaken());
  EXPECT_THAT(ask(33), HasSubstr("Nesting Levels have exceeded supported "
                                 "limits"));
}

TEST_F(LimitsTest, IndexNamesHaveThreeTo255Characters) {
  const auto create = [&](const std::string& name) {
    return CreateWith("c", IndexOf(name, "c", kAll));
  };
  EXPECT_EQ(create("aaa"), "OK");
  EXPECT_EQ(create(Letters(255)), "OK");
  EXPECT_THAT(create("aa"), HasSubstr("length greater than or equal to 3"));
  EXPECT_EQ(create(Letters(256)),
            absl::StrCat("ValidationException: 1 validation error detected: "
                         "Value '",
                         Letters(256),
                         "' at 'globalSecondaryIndexes.1.member.indexName' "
                         "failed to satisfy constraint: Member must have "
                         "length less than or equal to 255"));
}

TEST_F(LimitsTest, KeyAttributesOfIndexesHaveNamesOf255Bytes) {
  const auto create = [&](const std::string& name) {
    return CreateWith(name, IndexOf("index", name, kAll));
  };
  EXPECT_EQ(create(Letters(255)), "OK");
  EXPECT_THAT(create(Letters(256)),
              HasSubstr("at 'globalSecondaryIndexes.1.member.keySchema.1."
                        "member.attributeName' failed to satisfy constraint: "
                        "Member must have length less than or equal to 255"));
}

TEST_F(LimitsTest, ProjectedAttributesHaveNamesOf255Bytes) {
  const auto create = [&](const std::string& name) {
    return CreateWith("c", IndexOf("index", "c",
                                   absl::StrCat("'ProjectionType':'INCLUDE',"
                                                "'NonKeyAttributes':['",
                                                name, "']")));
  };
  EXPECT_EQ(create(Letters(255)), "OK");
  for (const std::string& bad : {std::string(), Letters(256)}) {
    EXPECT_THAT(create(bad),
                HasSubstr(absl::StrCat(
                    "Value '", bad,
                    "' at 'globalSecondaryIndexes.1.member.projection."
                    "nonKeyAttributes.1.member' failed to satisfy")));
  }
}

TEST_F(LimitsTest, AnIndexProjectsTwentyNames) {
  const auto create = [&](int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("'x", i, "'"));
    return CreateWith("c",
                      IndexOf("index", "c",
                              absl::StrCat("'ProjectionType':'INCLUDE',"
                                           "'NonKeyAttributes':[",
                                           absl::StrJoin(names, ","), "]")));
  };
  EXPECT_EQ(create(20), "OK");
  EXPECT_THAT(create(21), HasSubstr("length less than or equal to 20"));
}

TEST_F(LimitsTest, KeysOfBytesAreMeasuredWithoutBase64) {
  const auto put = [&](size_t size) {
    return Call("PutItem", absl::StrCat("table_name: 'bytes' item {",
                                        B("pk", Letters(size)), "}"));
  };
  Call("CreateTable",
       "table_name: 'bytes' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
       "attribute_definitions { attribute_name: 'pk' "
       "attribute_type: SCALAR_ATTRIBUTE_TYPE_B } "
       "key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }");
  EXPECT_EQ(put(2048), "");
  EXPECT_EQ(put(2049),
            "VALIDATION: One or more parameter values were invalid: Size of "
            "hashkey has exceeded the maximum size limit of2048 bytes");
}

TEST_F(LimitsTest, PagesOfNamesHaveOneToAHundred) {
  const auto list = [&](int limit) {
    return Ask("ListTables", absl::StrCat("{'Limit':", limit, "}"));
  };
  EXPECT_THAT(list(1), HasSubstr("LastEvaluatedTableName"));
  EXPECT_THAT(list(100), StartsWith("{"));
  EXPECT_THAT(list(0), HasSubstr("value greater than or equal to 1"));
  EXPECT_THAT(list(101), HasSubstr("value less than or equal to 100"));
}

TEST_F(LimitsTest, CapacityIsAtLeastOne) {
  const auto create = [&](int read, int write) {
    return Ask("CreateTable",
               absl::StrCat("{'TableName':'new','AttributeDefinitions':[{"
                            "'AttributeName':'pk','AttributeType':'S'}],"
                            "'KeySchema':[{'AttributeName':'pk','KeyType':"
                            "'HASH'}],'ProvisionedThroughput':{"
                            "'ReadCapacityUnits':",
                            read, ",'WriteCapacityUnits':", write, "}}"));
  };
  EXPECT_THAT(create(0, 1),
              HasSubstr("Value '0' at 'provisionedThroughput."
                        "readCapacityUnits' failed to satisfy constraint: "
                        "Member must have value greater than or equal to 1"));
  EXPECT_THAT(create(1, 0), HasSubstr("writeCapacityUnits"));
  EXPECT_THAT(create(1, 1), StartsWith("{"));
}

TEST_F(LimitsTest, ATransactionReadsAHundredItems) {
  const auto read = [&](int count) {
    std::vector<std::string> gets;
    for (int i = 0; i < count; ++i) {
      gets.push_back(absl::StrCat(
          "{'Get':{'TableName':'plain','Key':{'pk':{'S':'", i, "'}}}}"));
    }
    return Ask(
        "TransactGetItems",
        absl::StrCat("{'TransactItems':[", absl::StrJoin(gets, ","), "]}"));
  };
  EXPECT_THAT(read(1), StartsWith("{"));
  EXPECT_THAT(read(100), StartsWith("{"));
  EXPECT_THAT(read(0), HasSubstr("length greater than or equal to 1"));
  EXPECT_THAT(read(101), HasSubstr("length less than or equal to 100"));
}

TEST_F(LimitsTest, APageIsFullWithTheByteThatMakesItOneMegabyte) {
  // Three items of 262,144 bytes, and one that makes 1 MB or a byte less.
  const auto put = [&](int sk, size_t size) {
    const std::string key = Pair("p", sk);
    // pk + p, sk + a number of one digit, v
    Put("pairs", key + S("v", Letters(size - 3 - 2 - 2 - 1)));
  };
  for (int i = 1; i <= 3; ++i) put(i, 262144);
  Put("pairs", Pair("p", 5));
  for (const bool full : {false, true}) {
    put(4, full ? 262144 : 262143);
    for (const char* request :
         {"{'TableName':'pairs','Select':'COUNT'}",
          "{'TableName':'pairs','Select':'COUNT','KeyConditionExpression':"
          "'pk = :p','ExpressionAttributeValues':{':p':{'S':'p'}}}"}) {
      const std::string answer = Ask(
          absl::StrContains(request, "pk = :p") ? "Query" : "Scan", request);
      EXPECT_THAT(answer, HasSubstr(full ? "\"Count\":4" : "\"Count\":5"));
    }
  }
}

TEST_F(LimitsTest, BatchesReadSixteenMegabytesAndNotAByteMore) {
  // 64 items of 262,144 bytes as they are in the answer.
  std::vector<std::string> keys;
  const auto put = [&](int i, size_t size) {
    const std::string name = absl::StrCat(100 + i);
    // Of 3 and n bytes, pk and v are 13 and n + 15; the item's tag and length
    // are 4.
    Put("plain", Plain(name) + S("v", Letters(size - 4 - 13 - 15)));
    return absl::StrCat("{'pk':{'S':'", name, "'}}");
  };
  for (int i = 0; i < 64; ++i) keys.push_back(put(i, 262144));
  const std::string request = absl::StrCat(
      "{'RequestItems':{'plain':{'ProjectionExpression':'pk,v',"
      "'Keys':[",
      absl::StrJoin(keys, ","), "]}}}");
  const auto all_fit = [&] {
    return absl::StrContains(Ask("BatchGetItem", request),
                             "\"UnprocessedKeys\":{}");
  };
  EXPECT_TRUE(all_fit());
  put(7, 262145);
  EXPECT_FALSE(all_fit());
}

}  // namespace
}  // namespace pallet::service
