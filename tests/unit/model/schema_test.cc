// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/errors.h"

namespace pallet::model {
namespace {

using Definitions = std::vector<AttributeDefinition>;
using Elements = std::vector<KeySchemaElement>;

std::string Message(const absl::Status& status) {
  if (status.ok()) return "OK";
  EXPECT_EQ(ReasonOf(status), Reason::kValidation);
  return std::string(status.message());
}

std::string Schema(const Definitions& definitions, const Elements& elements) {
  return Message(MakeKeySchema(definitions, elements).status());
}

TEST(SchemaTest, Example) {
  const absl::StatusOr<KeySchema> schema = MakeKeySchema(
      Definitions{{"at", ScalarType::kNumber}, {"pk", ScalarType::kString}},
      Elements{{"pk", KeyRole::kHash}, {"at", KeyRole::kRange}});
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(*schema, (KeySchema{{"pk", ScalarType::kString},
                                KeyAttribute{"at", ScalarType::kNumber}}));
}

TEST(SchemaTest, EachElementIsDefinedAndEachDefinitionUsed) {
  const AttributeDefinition a{"a"}, b{"b"}, c{"c"};
  EXPECT_EQ(Schema({a}, {{"a"}}), "OK");
  EXPECT_EQ(Schema({a}, {{"a"}, {"b", KeyRole::kRange}}),
            "Invalid KeySchema: Some index key attribute have no definition");
  EXPECT_EQ(Schema({}, {{"a"}}),
            "Invalid KeySchema: Some index key attribute have no definition");
  EXPECT_EQ(Schema({b, c}, {{"a"}}),
            "One or more parameter values were invalid: Some index key "
            "attributes are not defined in AttributeDefinitions. Keys: [a], "
            "AttributeDefinitions: [b, c]");
  constexpr char kNumber[] =
      "One or more parameter values were invalid: Number of attributes in "
      "KeySchema does not exactly match number of attributes defined in "
      "AttributeDefinitions";
  EXPECT_EQ(Schema({a, b}, {{"a"}}), kNumber);
  EXPECT_EQ(Schema({a, a}, {{"a"}}), kNumber);
  EXPECT_EQ(Schema({a, b, c}, {{"a"}, {"b", KeyRole::kRange}}), kNumber);
}

TEST(SchemaTest, HashComesFirstAndRangeSecond) {
  const AttributeDefinition a{"a"}, b{"b"};
  EXPECT_EQ(
      Schema({a}, {{"a", KeyRole::kRange}}),
      "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  EXPECT_EQ(
      Schema({a, b}, {{"a", KeyRole::kHash}, {"b", KeyRole::kHash}}),
      "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
  EXPECT_EQ(Schema({a, b}, {{"a", KeyRole::kHash}, {"a", KeyRole::kRange}}),
            "Both the Hash Key and the Range Key element in the KeySchema have "
            "the same name");
}

TEST(SchemaTest, AKeyHasOneOrTwoElements) {
  EXPECT_EQ(Schema({{"a"}}, {}),
            "1 validation error detected: Value '[]' at 'keySchema' failed to "
            "satisfy constraint: Member must have length greater than or equal "
            "to 1");
  EXPECT_EQ(Schema({{"a"}}, {{"a"}, {"b"}, {"c"}}),
            "1 validation error detected: Value '[a, b, c]' at 'keySchema' "
            "failed to satisfy constraint: Member must have length less than "
            "or equal to 2");
}

TEST(SchemaTest, KeyAttributeNamesHaveOneTo255Bytes) {
  const std::string longest(255, 'k');
  EXPECT_EQ(Schema({{longest}}, {{longest}}), "OK");
  const std::string longer(256, 'k');
  EXPECT_EQ(
      Schema({{longer}}, {{""}}),
      absl::StrCat(
          "2 validation errors detected: Value '", longer,
          "' at 'attributeDefinitions.1.member.attributeName' failed to "
          "satisfy constraint: Member must have length less than or equal to "
          "255; Value '' at 'keySchema.1.member.attributeName' failed to "
          "satisfy constraint: Member must have length greater than or equal "
          "to 1"));
}

TEST(TableNameTest, ANewNameHas3To255PlainCharacters) {
  EXPECT_EQ(Message(CheckNewTableName("abc")), "OK");
  EXPECT_EQ(Message(CheckNewTableName("aZ09_.-")), "OK");
  EXPECT_EQ(Message(CheckNewTableName(std::string(255, 'a'))), "OK");
  EXPECT_EQ(Message(CheckNewTableName("")),
            "The parameter 'TableName' is required but was not present in the "
            "request");
  EXPECT_EQ(Message(CheckNewTableName("ab")),
            "1 validation error detected: Value 'ab' at 'tableName' failed to "
            "satisfy constraint: Member must have length greater than or equal "
            "to 3");
  EXPECT_EQ(Message(CheckNewTableName(std::string(256, 'a'))),
            absl::StrCat("1 validation error detected: Value '",
                         std::string(256, 'a'),
                         "' at 'tableName' failed to satisfy constraint: "
                         "Member must have length less than or equal to 255"));
  EXPECT_EQ(Message(CheckNewTableName("abc;")),
            "1 validation error detected: Value 'abc;' at 'tableName' failed "
            "to satisfy constraint: Member must satisfy regular expression "
            "pattern: [a-zA-Z0-9_.-]+");
}

TEST(TableNameTest, OtherTableOperationsSayItDifferently) {
  constexpr char kLength[] =
      "TableName must be at least 3 characters long and at most 255 characters "
      "long";
  EXPECT_EQ(Message(CheckTableName("abc")), "OK");
  EXPECT_EQ(Message(CheckTableName("ab")), kLength);
  EXPECT_EQ(Message(CheckTableName(std::string(255, 'a'))), "OK");
  EXPECT_EQ(Message(CheckTableName(std::string(256, 'a'))), kLength);
  EXPECT_EQ(Message(CheckTableName("")),
            "The parameter 'TableName' is required but was not present in the "
            "request");
  EXPECT_EQ(Message(CheckTableName("a/b")),
            "1 validation error detected: Value 'a/b' at 'tableName' failed to "
            "satisfy constraint: Member must satisfy regular expression "
            "pattern: [a-zA-Z0-9_.-]+");
}

TEST(TableNameTest, AnItemOperationTakesANameOrAnArn) {
  EXPECT_EQ(*TableNameOf("orders"), "orders");
  EXPECT_EQ(*TableNameOf("a"), "a");
  EXPECT_EQ(*TableNameOf("arn:aws:dynamodb:eu-west-1:123456789012:table/a.b"),
            "a.b");
  EXPECT_EQ(*TableNameOf("arn:aws-cn:dynamodb:cn-north-1:1:table/abc"), "abc");
  for (const char* arn :
       {"arn:", "arn:aws:dynamodb:eu-west-1:1:table/",
        "arn:aws:dynamodb:eu-west-1:1:table/ab",
        "arn:aws:dynamodb:eu-west-1:1:table/abc/index/i",
        "arn:aws:s3:eu-west-1:1:table/abc", "arn:aws:dynamodb:eu-west-1:abc",
        "arn:x:dynamodb:eu-west-1:1:table/abc"}) {
    EXPECT_EQ(
        Message(TableNameOf(arn).status()),
        absl::StrCat("Invalid TableArn: Invalid ResourceArn provided as input ",
                     arn));
  }
  EXPECT_EQ(Message(TableNameOf("").status()),
            "1 validation error detected: Value '' at 'tableName' failed to "
            "satisfy constraint: Member must have length greater than or equal "
            "to 1");
  EXPECT_TRUE(TableNameOf(std::string(1024, 'a')).ok());
  EXPECT_FALSE(TableNameOf(std::string(1025, 'a')).ok());
  EXPECT_EQ(Message(TableNameOf("a b").status()),
            "1 validation error detected: Value 'a b' at 'tableName' failed to "
            "satisfy constraint: Member must satisfy regular expression "
            "pattern: [a-zA-Z0-9_.-]+");
}

}  // namespace
}  // namespace pallet::model
