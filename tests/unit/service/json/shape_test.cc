// SPDX-License-Identifier: Apache-2.0
//
// Every operation, member and enum value of the JSON door, against shapes.txt.
// A field that was added to the contract shows up here: see that DynamoDB has a
// member of that name (else it goes into kOurs of service/json/shape.cc), then
//
//   PALLET_WRITE_GOLDEN=1 build/dev/tests/unit/service/json/json_shape_test
//
// writes the file anew.
#include "service/json/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace pallet::service::json {
namespace {

TEST(ShapeTest, NamesAreThoseOfTheList) {
  const std::string text = Shapes().ToText();
  if (std::getenv("PALLET_WRITE_GOLDEN") != nullptr) {
    std::ofstream(GOLDEN) << text;
  }
  std::ostringstream golden;
  golden << std::ifstream(GOLDEN).rdbuf();
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  const std::vector<std::string> expected = absl::StrSplit(golden.str(), '\n');
  EXPECT_THAT(lines, ::testing::ElementsAreArray(expected))
      << "see the head of this test's source";
}

TEST(ShapeTest, MembersFollowTheRule) {
  EXPECT_EQ(MemberName("table_name"), "TableName");
  EXPECT_EQ(MemberName("sse_specification"), "SSESpecification");
  EXPECT_EQ(MemberName("kms_master_key_id"), "KMSMasterKeyId");
  EXPECT_EQ(MemberName("size_estimate_range_gb"), "SizeEstimateRangeGB");
  EXPECT_EQ(MemberName("s3_bucket"), "S3Bucket");
}

TEST(ShapeTest, WhatIsOursIsNotInJson) {
  const Shapes shapes;
  const Shape* put = shapes.operations().at("PutItem").request;
  EXPECT_EQ(put->Find("ClientRequestToken"), nullptr);
  EXPECT_NE(put->Find("Item"), nullptr);
  const Shape* transact = shapes.operations().at("TransactWriteItems").request;
  EXPECT_NE(transact->Find("ClientRequestToken"), nullptr);
  EXPECT_EQ(shapes.operations().count("Pipeline"), 0u);
  EXPECT_EQ(shapes.operations().count("StreamQuery"), 0u);
}

}  // namespace
}  // namespace pallet::service::json
