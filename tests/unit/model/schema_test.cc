// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
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
  return Message(MakeTableSchema({definitions, elements}).status());
}

TEST(SchemaTest, Example) {
  const absl::StatusOr<TableSchema> schema = MakeTableSchema(
      {{{"at", ScalarType::kNumber}, {"pk", ScalarType::kString}},
       {{"pk", KeyRole::kHash}, {"at", KeyRole::kRange}}});
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(schema->key, (KeySchema{{"pk", ScalarType::kString},
                                    KeyAttribute{"at", ScalarType::kNumber}}));
  EXPECT_TRUE(schema->local_indexes.empty());
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
  EXPECT_EQ(Schema({a, a}, {{"a"}}), "Attribute Name is duplicated: a");
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

// --- Local indexes of a table by a and b ---

IndexDefinition Index(std::string name, std::string sort) {
  return {std::move(name),
          {{"a", KeyRole::kHash}, {std::move(sort), KeyRole::kRange}},
          ProjectionKind::kAll,
          {}};
}

std::string Indexes(const std::vector<IndexDefinition>& indexes,
                    const Definitions& definitions = {{"a"}, {"b"}, {"c"}}) {
  return Message(
      MakeTableSchema({definitions, {{"a"}, {"b", KeyRole::kRange}}, indexes})
          .status());
}

constexpr char kInvalid[] = "One or more parameter values were invalid: ";

TEST(LocalIndexSchemaTest, Example) {
  const auto schema =
      MakeTableSchema({{{"a"}, {"b"}, {"c", ScalarType::kNumber}},
                       {{"a"}, {"b", KeyRole::kRange}},
                       {Index("by-c", "c")}});
  ASSERT_TRUE(schema.ok()) << schema.status();
  ASSERT_EQ(schema->local_indexes.size(), 1u);
  EXPECT_EQ(schema->local_indexes[0].name(), "by-c");
  EXPECT_EQ(schema->local_indexes[0].key(),
            (KeySchema{{"a"}, KeyAttribute{"c", ScalarType::kNumber}}));
  EXPECT_EQ(schema->local_indexes[0].table_key(), schema->key);
}

TEST(LocalIndexSchemaTest, TheirKeysFitTheTable) {
  EXPECT_EQ(Indexes({Index("by-c", "c")}), "OK");
  EXPECT_EQ(Indexes({Index("by-b", "b")}, {{"a"}, {"b"}}), "OK");
  EXPECT_EQ(Indexes({Index("by-d", "d")}),
            absl::StrCat(kInvalid,
                         "Some index key attributes are not defined in "
                         "AttributeDefinitions. Keys: [a, d], "
                         "AttributeDefinitions: [a, b, c]"));
  EXPECT_EQ(Indexes({Index("by-b", "b")}),
            absl::StrCat(kInvalid,
                         "Some AttributeDefinitions are not used. "
                         "AttributeDefinitions: [a, b, c], keys used: [a, b]"));
  IndexDefinition hash_only = Index("by-c", "c");
  hash_only.key.pop_back();
  EXPECT_EQ(Indexes({hash_only}),
            absl::StrCat(kInvalid,
                         "Index KeySchema does not have a range key for "
                         "index: by-c"));
  IndexDefinition other_hash = Index("by-c", "c");
  other_hash.key[0].name = "b";
  EXPECT_EQ(Indexes({other_hash}),
            absl::StrCat(kInvalid,
                         "Index KeySchema does not have the same leading hash "
                         "key as table KeySchema for index: by-c. index hash "
                         "key: b, table hash key: a"));
  EXPECT_EQ(
      Message(MakeTableSchema({{{"a"}, {"c"}}, {{"a"}}, {Index("by-c", "c")}})
                  .status()),
      absl::StrCat(kInvalid,
                   "Table KeySchema does not have a range key, which is "
                   "required when specifying a LocalSecondaryIndex"));
}

TEST(LocalIndexSchemaTest, ProjectionsSayWhatTheyMust) {
  IndexDefinition index = Index("by-c", "c");
  index.projection = std::nullopt;
  EXPECT_EQ(Indexes({index}),
            absl::StrCat(kInvalid, "Unknown ProjectionType: null"));
  index.projection = ProjectionKind::kInclude;
  EXPECT_EQ(Indexes({index}),
            absl::StrCat(kInvalid,
                         "ProjectionType is INCLUDE, but NonKeyAttributes is "
                         "not specified"));
  index.non_key_attributes = {"x"};
  EXPECT_EQ(Indexes({index}), "OK");
  index.projection = ProjectionKind::kKeysOnly;
  EXPECT_EQ(Indexes({index}),
            absl::StrCat(kInvalid,
                         "ProjectionType is KEYS_ONLY, but NonKeyAttributes is "
                         "specified"));
}

TEST(LocalIndexSchemaTest, ThereAreAtMostFiveOfDifferentNames) {
  std::vector<IndexDefinition> indexes;
  for (int i = 0; i < 5; ++i) {
    indexes.push_back(Index(absl::StrCat("index", i), "c"));
  }
  EXPECT_EQ(Indexes(indexes), "OK");
  indexes.push_back(Index("index5", "c"));
  EXPECT_EQ(Indexes(indexes),
            absl::StrCat(kInvalid,
                         "Number of LocalSecondaryIndexes exceeds per-table "
                         "limit of 5"));
  EXPECT_EQ(Indexes({Index("by-c", "c"), Index("by-c", "c")}),
            absl::StrCat(kInvalid, "Duplicate index name: by-c"));
}

TEST(LocalIndexSchemaTest, TogetherTheyProjectAtMostAHundredNames) {
  std::vector<IndexDefinition> indexes;
  for (int i = 0; i < 5; ++i) {
    indexes.push_back(Index(absl::StrCat("index", i), "c"));
    indexes.back().projection = ProjectionKind::kInclude;
    for (int j = 0; j < 20; ++j) {
      indexes.back().non_key_attributes.push_back(absl::StrCat("x", j));
    }
  }
  EXPECT_EQ(Indexes(indexes), "OK");
  indexes[3].non_key_attributes.push_back("y");
  EXPECT_NE(Indexes(indexes), "OK");
  indexes[3].non_key_attributes = {"y", "x", "y"};
  EXPECT_EQ(Indexes(indexes),
            absl::StrCat(kInvalid, "Duplicate element in NonKeyAttributes: y"));
}

// --- Global indexes of a table by a and b ---

IndexDefinition Global(std::string name, std::vector<std::string> partition,
                       std::vector<std::string> sort = {}) {
  IndexDefinition index{std::move(name), {}, ProjectionKind::kAll, {}};
  for (auto& each : partition) index.key.push_back({each, KeyRole::kHash});
  for (auto& each : sort) index.key.push_back({each, KeyRole::kRange});
  return index;
}

// Defines what the keys name.
std::string Globals(const std::vector<IndexDefinition>& indexes,
                    size_t limit = kMaxGlobalIndexes) {
  TableSchemaDefinition table{{{"a"}, {"b"}}, {{"a"}, {"b", KeyRole::kRange}}};
  table.global_indexes = indexes;
  table.max_global_indexes = limit;
  for (const IndexDefinition& index : indexes) {
    for (const KeySchemaElement& element : index.key) {
      if (absl::c_none_of(table.attributes, [&](const auto& each) {
            return each.name == element.name;
          })) {
        table.attributes.push_back({element.name});
      }
    }
  }
  return Message(MakeTableSchema(table).status());
}

TEST(GlobalIndexSchemaTest, Example) {
  IndexDefinition by_zone = Global("by-zone", {"zone", "b"}, {"people"});
  by_zone.projection = ProjectionKind::kInclude;
  by_zone.non_key_attributes = {"name"};
  const auto schema = MakeTableSchema(
      {.attributes = {{"a"}, {"b"}, {"people", ScalarType::kNumber}, {"zone"}},
       .key = {{"a"}, {"b", KeyRole::kRange}},
       .global_indexes = {by_zone}});
  ASSERT_TRUE(schema.ok()) << schema.status();
  ASSERT_EQ(schema->global_indexes.size(), 1u);
  const GlobalIndex& index = schema->global_indexes[0];
  EXPECT_EQ(index.name(), "by-zone");
  EXPECT_EQ(index.key(), (IndexKeySchema{{{"zone"}, {"b"}},
                                         {{"people", ScalarType::kNumber}}}));
  EXPECT_EQ(index.table_key(), schema->key);
  EXPECT_TRUE(index.Projects("name"));
  EXPECT_FALSE(index.Projects("other"));
}

TEST(GlobalIndexSchemaTest, KeysHaveOneToFourHashesAndUpToFourRanges) {
  EXPECT_EQ(Globals({Global("index", {"p"})}), "OK");
  EXPECT_EQ(Globals({Global("index", {"a"}, {"b"})}), "OK");
  EXPECT_EQ(Globals({Global("index", {"p", "q"})}), "OK");
  const std::vector<std::string> four = {"p", "q", "r", "s"};
  const std::vector<std::string> more = {"t", "u", "v", "w"};
  EXPECT_EQ(Globals({Global("index", four, more)}), "OK");
  EXPECT_EQ(Globals({Global("index", {"p", "q", "r", "s", "t"}, {"u"})}),
            absl::StrCat(kInvalid,
                         "The KeySchema exceeds the maximum allowed number of "
                         "HASH key attributes"));
  EXPECT_EQ(Globals({Global("index", {"p"}, {"t", "u", "v", "w", "x"})}),
            absl::StrCat(kInvalid,
                         "The KeySchema exceeds the maximum allowed number of "
                         "RANGE key attributes"));
  EXPECT_EQ(
      Globals({Global("index", {}, {"p"})}),
      "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  IndexDefinition mixed = Global("index", {"p"}, {"q"});
  mixed.key.push_back({"r", KeyRole::kHash});
  EXPECT_EQ(Globals({mixed}),
            absl::StrCat(kInvalid,
                         "All HASH key attributes must precede RANGE key "
                         "attributes in the KeySchema"));
  EXPECT_EQ(Globals({Global("index", {"p"}, {"p"})}),
            "Both the Hash Key and the Range Key element in the KeySchema have "
            "the same name");
  EXPECT_EQ(Globals({Global("index", {"p", "q"}, {"p"})}),
            "The KeySchema contains multiple key attributes with the same "
            "name");
}

TEST(GlobalIndexSchemaTest, WhatTheirKeysNameIsDefinedAndNothingElse) {
  const auto schema = [](const Definitions& definitions) {
    return Message(MakeTableSchema({.attributes = definitions,
                                    .key = {{"a"}},
                                    .global_indexes = {Global("index", {"p"})}})
                       .status());
  };
  EXPECT_EQ(schema({{"a"}, {"p"}}), "OK");
  EXPECT_EQ(schema({{"a"}, {"q"}}),
            absl::StrCat(kInvalid,
                         "Some index key attributes are not defined in "
                         "AttributeDefinitions. Keys: [p], "
                         "AttributeDefinitions: [a, q]"));
  EXPECT_EQ(schema({{"a"}, {"p"}, {"q"}}),
            absl::StrCat(kInvalid,
                         "Some AttributeDefinitions are not used. "
                         "AttributeDefinitions: [a, p, q], keys used: [a, "
                         "p]"));
}

TEST(GlobalIndexSchemaTest, ThereAreAtMostTwentyFiveOrWhatIsSaid) {
  std::vector<IndexDefinition> indexes;
  for (int i = 0; i < 25; ++i) {
    indexes.push_back(Global(absl::StrCat("index", i), {"p"}));
  }
  EXPECT_EQ(Globals(indexes), "OK");
  EXPECT_EQ(Globals(indexes, 24),
            absl::StrCat(kInvalid,
                         "GlobalSecondaryIndex count exceeds the per-table "
                         "limit of 24"));
  indexes.push_back(Global("index25", {"p"}));
  EXPECT_EQ(Globals(indexes),
            absl::StrCat(kInvalid,
                         "GlobalSecondaryIndex count exceeds the per-table "
                         "limit of 25"));
  EXPECT_EQ(Globals(indexes, 26), "OK");
}

TEST(GlobalIndexSchemaTest, NamesAreUniqueAmongAllIndexes) {
  EXPECT_EQ(Globals({Global("twice", {"p"}), Global("twice", {"q"})}),
            absl::StrCat(kInvalid, "Duplicate index name: twice"));
  EXPECT_EQ(
      Message(MakeTableSchema({.attributes = {{"a"}, {"b"}, {"c"}},
                               .key = {{"a"}, {"b", KeyRole::kRange}},
                               .local_indexes = {Index("twice", "c")},
                               .global_indexes = {Global("twice", {"c"})}})
                  .status()),
      absl::StrCat(kInvalid, "Duplicate index name: twice"));
}

TEST(GlobalIndexSchemaTest, AllIndexesTogetherProjectAtMostAHundredNames) {
  TableSchemaDefinition table{{{"a"}, {"b"}}, {{"a"}, {"b", KeyRole::kRange}}};
  for (int i = 0; i < 5; ++i) {
    IndexDefinition index =
        i == 0 ? Index("local", "b") : Global(absl::StrCat("global", i), {"b"});
    index.projection = ProjectionKind::kInclude;
    for (int j = 0; j < 20; ++j) {
      index.non_key_attributes.push_back(absl::StrCat("x", j));
    }
    (i == 0 ? table.local_indexes : table.global_indexes).push_back(index);
  }
  EXPECT_EQ(Message(MakeTableSchema(table).status()), "OK");
  IndexDefinition last = Global("last", {"b"});
  last.projection = ProjectionKind::kInclude;
  last.non_key_attributes = {"x"};
  table.global_indexes.push_back(last);
  EXPECT_EQ(Message(MakeTableSchema(table).status()),
            absl::StrCat(kInvalid,
                         "Number of NonKeyAttributes of all indexes exceeds "
                         "per-table limit of 100"));
}

TEST(GlobalIndexSchemaTest, ProjectionsSayWhatTheyMust) {
  IndexDefinition index = Global("index", {"p"});
  index.projection = std::nullopt;
  EXPECT_EQ(Globals({index}),
            absl::StrCat(kInvalid, "Unknown ProjectionType: null"));
  index.projection = ProjectionKind::kInclude;
  EXPECT_EQ(Globals({index}),
            absl::StrCat(kInvalid,
                         "ProjectionType is INCLUDE, but NonKeyAttributes is "
                         "not specified"));
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
