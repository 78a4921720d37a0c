// SPDX-License-Identifier: Apache-2.0
//
// SELECT on local and global indexes: what it finds, what it refuses. The table
// "places" has pk S and sk N, and these indexes:
//   by-score   local, score N; keys only
//   by-tag     local, tag S; with x
//   by-label   global, label S; with x
//   by-many    global, label S and tag S
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/testing/index_entries.h"
#include "tests/unit/service/handlers/partiql_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;

constexpr char kPlaces[] = R"(
  table_name: 'places' billing_mode: BILLING_MODE_PAY_PER_REQUEST
  attribute_definitions { attribute_name: 'pk'
    attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
  attribute_definitions { attribute_name: 'sk'
    attribute_type: SCALAR_ATTRIBUTE_TYPE_N }
  attribute_definitions { attribute_name: 'score'
    attribute_type: SCALAR_ATTRIBUTE_TYPE_N }
  attribute_definitions { attribute_name: 'tag'
    attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
  attribute_definitions { attribute_name: 'label'
    attribute_type: SCALAR_ATTRIBUTE_TYPE_S }
  key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }
  key_schema { attribute_name: 'sk' key_type: KEY_TYPE_RANGE }
  local_secondary_indexes { index_name: 'by-score'
    key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }
    key_schema { attribute_name: 'score' key_type: KEY_TYPE_RANGE }
    projection { projection_type: PROJECTION_TYPE_KEYS_ONLY } }
  local_secondary_indexes { index_name: 'by-tag'
    key_schema { attribute_name: 'pk' key_type: KEY_TYPE_HASH }
    key_schema { attribute_name: 'tag' key_type: KEY_TYPE_RANGE }
    projection { projection_type: PROJECTION_TYPE_INCLUDE
                 non_key_attributes: 'x' } }
  global_secondary_indexes { index_name: 'by-label'
    key_schema { attribute_name: 'label' key_type: KEY_TYPE_HASH }
    projection { projection_type: PROJECTION_TYPE_INCLUDE
                 non_key_attributes: 'x' } }
  global_secondary_indexes { index_name: 'by-many'
    key_schema { attribute_name: 'label' key_type: KEY_TYPE_HASH }
    key_schema { attribute_name: 'tag' key_type: KEY_TYPE_HASH }
    projection { projection_type: PROJECTION_TYPE_ALL } }
)";

class PartiqlIndexTest : public PartiqlTest {
 protected:
  PartiqlIndexTest() {
    const std::string made = Call("CreateTable", kPlaces);
    CHECK(host_->FindTable("places") != nullptr) << made;
    for (int i = 1; i <= 4; ++i) {
      const std::string item =
          absl::StrCat(Pair("a", i), N("score", absl::StrCat(10 - i)),
                       S("tag", i % 2 == 0 ? "even" : "odd"), S("label", "L"),
                       N("x", absl::StrCat(i)), N("y", absl::StrCat(i)));
      Put("places", item);
      v1::Item message;
      CHECK(google::protobuf::TextFormat::ParseFromString(item, &message));
      testing::PutIndexEntry(*host_, "places", "by-label",
                             message.SerializeAsString());
    }
  }

  std::string From(absl::string_view index, absl::string_view rest,
                   absl::string_view list = "sk") {
    return Run(absl::StrCat("SELECT ", list, " FROM \"places\".\"", index,
                            "\" ", rest));
  }
};

TEST_F(PartiqlIndexTest, LocalIndexesAreQueriedInTheirOrder) {
  EXPECT_EQ(From("by-score", "WHERE pk = 'a'"), "{sk=4} {sk=3} {sk=2} {sk=1}");
  EXPECT_EQ(
      From("by-score", "WHERE pk = 'a' AND score >= 8 ORDER BY score DESC"),
      "{sk=1} {sk=2}");
  EXPECT_EQ(From("by-tag", "WHERE pk = 'a' AND tag = 'even' AND x > 2", "*"),
            "{pk='a' sk=4 tag='even' x=4}");
  // Attributes that are not in the index come from the items.
  EXPECT_EQ(From("by-tag", "WHERE pk = 'a' AND begins_with(tag, 'ev')", "y"),
            "{y=2} {y=4}");
}

TEST_F(PartiqlIndexTest, GlobalIndexesAreQueriedAndScanned) {
  EXPECT_EQ(From("by-label", "WHERE label = 'L' AND x IN [1, 3]", "x"),
            "{x=1} {x=3}");
  EXPECT_EQ(From("by-label", "WHERE sk = 2", "*"),
            "{label='L' pk='a' sk=2 x=2}");
  int pages = 0;
  EXPECT_EQ(RunPages("SELECT sk FROM places.\"by-label\" WHERE label = 'L'", 3,
                     &pages),
            "{sk=1} {sk=2} {sk=3} {sk=4}");
  EXPECT_EQ(pages, 2);
  v1::ExecuteStatementRequest request =
      RequestOf("SELECT sk FROM places.\"by-label\" WHERE label = 'L'");
  request.set_return_consumed_capacity(v1::RETURN_CONSUMED_CAPACITY_INDEXES);
  const auto response = Execute(request);
  ASSERT_TRUE(response.ok()) << response.status();
  const auto& arms = response->consumed_capacity().global_secondary_indexes();
  EXPECT_EQ(arms.at("by-label").capacity_units(), 0.5);
  EXPECT_EQ(response->consumed_capacity().table().capacity_units(), 0);
}

TEST_F(PartiqlIndexTest, WhatAnIndexDoesNotHaveIsRefused) {
  constexpr char kInvalid[] =
      "VALIDATION: One or more parameter values were invalid: ";
  EXPECT_EQ(From("by-label", "WHERE label = 'L'", "y, sk, score"),
            absl::StrCat(kInvalid,
                         "Global secondary index by-label does not "
                         "project [y, score]"));
  EXPECT_EQ(From("by-label", "WHERE label = 'L' AND y = 1"),
            absl::StrCat(kInvalid,
                         "Secondary index by-label does not project "
                         "one or more filter attributes: [y]"));
  EXPECT_EQ(From("by-tag", "WHERE pk = 'a' AND y = 1"),
            absl::StrCat(kInvalid,
                         "Secondary index by-tag does not project "
                         "one or more filter attributes: [y]"));
  EXPECT_EQ(From("by-name", "WHERE pk = 'a'"),
            "VALIDATION: The table does not have the specified index");
  EXPECT_EQ(From("by-many", "WHERE label = 'L'", "COUNT(*)"),
            "VALIDATION: PartiQL statements cannot be executed on tables with "
            "multi-attribute HASH keys or multi-attribute RANGE keys.");
  v1::ExecuteStatementRequest request =
      RequestOf("SELECT sk FROM places.\"by-label\" WHERE label = 'L'");
  request.set_consistent_read(true);
  EXPECT_EQ(Execute(request).status().message(),
            "Strongly consistent read is not supported on Global Secondary "
            "Indexes");
  request.set_statement("SELECT sk FROM places.\"by-score\" WHERE pk = 'a'");
  EXPECT_EQ(Items(*Execute(request)), "{sk=4} {sk=3} {sk=2} {sk=1}");
}

}  // namespace
}  // namespace pallet::service
