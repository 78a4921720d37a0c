// SPDX-License-Identifier: Apache-2.0
//
// What writes have to do with global indexes: values of their keys are checked,
// and what the indexes will take is reported.
//
// The table "places" has pk S and sk N, and these indexes:
//   by-name    name S, then score N; all attributes
//   by-tag     tag B; keys only
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "service/capacity.h"
#include "service/handlers/index_rows.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTable[] = R"(
  table_name: 'places' billing_mode: BILLING_MODE_PAY_PER_REQUEST
  attribute_definitions { attribute_name: 'pk'
                          attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
  attribute_definitions { attribute_name: 'sk'
                          attribute_type: SCALAR_ATTRIBUTE_TYPE_N }
  attribute_definitions { attribute_name: 'name'
                          attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
  attribute_definitions { attribute_name: 'score'
                          attribute_type: SCALAR_ATTRIBUTE_TYPE_N }
  attribute_definitions { attribute_name: 'tag'
                          attribute_type: SCALAR_ATTRIBUTE_TYPE_B }
  key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }
  key_schema { attribute_name: 'sk' key_type: KEY_TYPE_RANGE }
  global_secondary_indexes { index_name: 'by-name'
    key_schema { attribute_name: 'name' key_type: KEY_TYPE_HASH }
    key_schema { attribute_name: 'score' key_type: KEY_TYPE_RANGE }
    projection { projection_type: PROJECTION_TYPE_ALL } }
  global_secondary_indexes { index_name: 'by-tag'
    key_schema { attribute_name: 'tag' key_type: KEY_TYPE_HASH }
    projection { projection_type: PROJECTION_TYPE_KEYS_ONLY } }
)";

class GlobalIndexWriteTest : public HandlerTest {
 protected:
  GlobalIndexWriteTest() {
    const std::string made = Call("CreateTable", kTable);
    CHECK(host_->FindTable("places") != nullptr) << made;
  }

  std::string PutPlace(absl::string_view more) {
    return Call("PutItem",
                absl::StrCat("table_name: 'places' item {", Pair("a", 1), more,
                             "} return_consumed_capacity: "
                             "RETURN_CONSUMED_CAPACITY_INDEXES"));
  }
  std::string Set(absl::string_view attribute, absl::string_view value) {
    return Call("UpdateItem",
                absl::StrCat("table_name: 'places' key {", Pair("a", 1),
                             "} update_expression: 'SET ", attribute,
                             " = :v' expression_attribute_values { key: ':v' "
                             "value { ",
                             value, " } }"));
  }
};

TEST_F(GlobalIndexWriteTest, KeyValuesHaveTheirTypesInEveryWrite) {
  constexpr char kMismatch[] =
      "VALIDATION: One or more parameter values were invalid: Type mismatch "
      "for "
      "Index Key score Expected: N Actual: S IndexName: by-name";
  EXPECT_EQ(PutPlace(S("score", "1")), kMismatch);
  // Also when another attribute keeps the item out of the index.
  EXPECT_EQ(PutPlace(S("name", "x") + S("score", "1")), kMismatch);
  EXPECT_EQ(Call("BatchWriteItem",
                 absl::StrCat("request_items { key: 'places' value { requests "
                              "{ put_request { item {",
                              Pair("a", 1), S("score", "1"), "} } } } }")),
            kMismatch);
  EXPECT_EQ(Set("score", "s: 'x'"),
            "VALIDATION: The update expression attempted to update the "
            "secondary index key to unsupported type");
}

TEST_F(GlobalIndexWriteTest, KeyValuesAreNotEmptyAndHaveTheirLimits) {
  EXPECT_EQ(PutPlace(S("name", "")),
            "VALIDATION: One or more parameter values are not valid. A value "
            "specified for a secondary index key is not supported. The "
            "AttributeValue for a key attribute cannot contain an empty string "
            "value. IndexName: by-name, IndexKey: name");
  EXPECT_THAT(Set("tag", "b: ''"),
              StartsWith("VALIDATION: One or more parameter values are not "
                         "valid. The update expression attempted to update a "
                         "secondary index key to a value that is not "
                         "supported."));
  EXPECT_THAT(PutPlace(S("name", std::string(2048, 'x'))),
              HasSubstr("consumed_capacity"));
  EXPECT_THAT(PutPlace(S("name", std::string(2049, 'x'))),
              StartsWith("VALIDATION"));
}

TEST_F(GlobalIndexWriteTest, PutsReportWhatTheIndexesWillTake) {
  // Sparse: an item without all of the key is none of an index's business.
  EXPECT_THAT(PutPlace(S("name", "x")),
              ::testing::Not(HasSubstr("global_secondary_indexes")));
  EXPECT_THAT(
      PutPlace(S("name", "x") + N("score", "1")),
      HasSubstr("consumed_capacity { table_name: \"places\" capacity_units: 2 "
                "table { capacity_units: 1 } "
                "global_secondary_indexes { key: \"by-name\" value { "
                "capacity_units: 1 } } }"));
  // Another score moves the entry: out of one place and into another.
  EXPECT_THAT(PutPlace(S("name", "x") + N("score", "2")),
              HasSubstr("key: \"by-name\" value { capacity_units: 2 }"));
  // The larger of both, in place.
  EXPECT_THAT(PutPlace(S("name", "x") + N("score", "2") +
                       S("more", std::string(3000, 'x'))),
              HasSubstr("key: \"by-name\" value { capacity_units: 3 }"));
  EXPECT_THAT(PutPlace(S("name", "x") + N("score", "2")),
              HasSubstr("key: \"by-name\" value { capacity_units: 3 }"));
  // Nothing changed.
  EXPECT_THAT(PutPlace(S("name", "x") + N("score", "2")),
              ::testing::Not(HasSubstr("global_secondary_indexes")));
}

TEST_F(GlobalIndexWriteTest, WhatIsNotProjectedCostsNothing) {
  EXPECT_THAT(PutPlace(B("tag", "t")),
              HasSubstr("key: \"by-tag\" value { capacity_units: 1 }"));
  EXPECT_THAT(PutPlace(B("tag", "t") + S("more", std::string(3000, 'x'))),
              ::testing::Not(HasSubstr("global_secondary_indexes")));
  EXPECT_THAT(Call("DeleteItem",
                   absl::StrCat("table_name: 'places' key {", Pair("a", 1),
                                "} return_consumed_capacity: "
                                "RETURN_CONSUMED_CAPACITY_TOTAL")),
              HasSubstr("capacity_units: 4"));
}

}  // namespace
}  // namespace pallet::service
