// SPDX-License-Identifier: Apache-2.0
//
// TagResource, UntagResource, ListTagsOfResource, and tags in CreateTable.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kArn[] =
    "resource_arn: 'arn:aws:dynamodb:local:000000000000:table/plain' ";

std::string Tag(absl::string_view key, absl::string_view value) {
  return absl::StrCat(" tags { key: '", key, "' value: '", value, "' }");
}

std::string Tags(int first, int last) {
  std::string tags;
  for (int i = first; i <= last; ++i) {
    tags += Tag(absl::StrCat("key", i), absl::StrCat("value", i));
  }
  return tags;
}

class TagsTest : public HandlerTest {
 protected:
  std::string Give(absl::string_view tags) {
    return Call("TagResource", absl::StrCat(kArn, tags));
  }
  std::string List() { return Call("ListTagsOfResource", kArn); }
};

TEST_F(TagsTest, Example) {
  EXPECT_EQ(Give(Tag("team", "maps") + Tag("stage", "")), "");
  EXPECT_EQ(List(),
            "tags { key: \"team\" value: \"maps\" } "
            "tags { key: \"stage\" value: \"\" }");
  EXPECT_EQ(Give(Tag("team", "roads")), "");
  EXPECT_EQ(Call("UntagResource",
                 absl::StrCat(kArn, "tag_keys: 'stage' tag_keys: 'never'")),
            "");
  EXPECT_EQ(List(), "tags { key: \"team\" value: \"roads\" }");
}

TEST_F(TagsTest, ManyTagsAreListedPageByPage) {
  EXPECT_EQ(Give(Tags(1, 21)), "");
  const std::string first = List();
  EXPECT_THAT(first, HasSubstr("\"key10\""));
  EXPECT_THAT(first, Not(HasSubstr("\"key11\"")));
  EXPECT_THAT(first, HasSubstr("next_token: \"10\""));
  const std::string last =
      Call("ListTagsOfResource", absl::StrCat(kArn, "next_token: '20'"));
  EXPECT_EQ(last, "tags { key: \"key21\" value: \"value21\" }");
  EXPECT_EQ(Call("ListTagsOfResource", absl::StrCat(kArn, "next_token: '40'")),
            "");
  EXPECT_EQ(Call("ListTagsOfResource", absl::StrCat(kArn, "next_token: 'x'")),
            "VALIDATION: Invalid NextToken");
}

TEST_F(TagsTest, ATableHasAtMostFifty) {
  EXPECT_EQ(Give(Tags(1, 50)), "");
  EXPECT_EQ(Give(Tag("key50", "again")), "");
  EXPECT_EQ(Give(Tag("key51", "one more")),
            "VALIDATION: Number of Tags exceed the current limit for the "
            "provided ResourceArn");
  EXPECT_THAT(List(), Not(HasSubstr("key51")));
}

TEST_F(TagsTest, LengthsAreCountedInCharacters) {
  const auto times = [](int n, absl::string_view text) {
    return absl::StrJoin(std::vector<absl::string_view>(n, text), "");
  };
  EXPECT_EQ(Give(Tag(times(128, "ä"), times(256, "表"))), "");
  EXPECT_THAT(Give(Tag(times(129, "ä"), "")),
              StartsWith("VALIDATION: The Tag Key provided is invalid, Key: "));
  EXPECT_THAT(
      Give(Tag("k", times(257, "v"))),
      StartsWith("VALIDATION: The Tag Value provided is invalid, Value: "));
  EXPECT_EQ(Give(Tag("", "v")),
            "VALIDATION: The Tag Key provided is invalid, Key: ");
  EXPECT_EQ(Give("tags { key: 'k' }"),
            "VALIDATION: The Tag Value provided is invalid, Value: null");
  EXPECT_EQ(Give("tags { value: 'v' }"),
            "VALIDATION: The Tag Key provided is invalid, Key: null");
}

TEST_F(TagsTest, SomeTextsAreNoTags) {
  EXPECT_EQ(Give(Tag("a+b-c=d.e_f:g/h@i", "1 2")), "");
  EXPECT_THAT(Give(Tag("100%", "")), StartsWith("VALIDATION: The Tag Key"));
  EXPECT_THAT(Give(Tag("k", "a;b")), StartsWith("VALIDATION: The Tag Value"));
  EXPECT_EQ(Give(Tag("aws:mine", "")),
            "VALIDATION: Tag Key cannot be prefixed with aws:, Key: aws:mine");
  EXPECT_EQ(Give(Tag("twice", "1") + Tag("twice", "2")),
            "VALIDATION: Duplicate Tag Keys provided as input: Duplicate Tag "
            "Key found twice");
  EXPECT_EQ(Give(""),
            "VALIDATION: Atleast one Tag needs to be provided as Input.");
  EXPECT_EQ(Call("UntagResource", kArn),
            "VALIDATION: Atleast one Tag Key needs to be provided as Input.");
}

TEST_F(TagsTest, OnlyTablesHaveTags) {
  constexpr char kIndex[] =
      "arn:aws:dynamodb:local:000000000000:table/plain/index/by-name";
  EXPECT_EQ(
      Call("ListTagsOfResource", absl::StrCat("resource_arn: '", kIndex, "'")),
      absl::StrCat("VALIDATION: Invalid TableArn: Invalid ResourceArn "
                   "provided as input ",
                   kIndex));
  EXPECT_EQ(Call("ListTagsOfResource", "resource_arn: 'plain'"),
            "VALIDATION: One or more parameter values were invalid: ARNs must "
            "start with 'arn:': plain");
  constexpr char kNowhere[] =
      "arn:aws:dynamodb:local:000000000000:table/nowhere";
  const std::string not_found = absl::StrCat(
      "RESOURCE_NOT_FOUND: Requested resource not found: ResourcArn: ",
      kNowhere, " not found");
  const std::string named = absl::StrCat("resource_arn: '", kNowhere, "' ");
  EXPECT_EQ(Call("ListTagsOfResource", named), not_found);
  EXPECT_EQ(Call("TagResource", named + Tag("k", "v")), not_found);
  EXPECT_EQ(Call("UntagResource", named + "tag_keys: 'k'"), not_found);
  EXPECT_EQ(Call("TagResource", Tag("k", "v")),
            "VALIDATION: 1 validation error detected: Value null at "
            "'resourceArn' failed to satisfy constraint: Member must not be "
            "null");
}

TEST_F(TagsTest, ATableMayBeBornWithTags) {
  const auto create = [&](absl::string_view name, absl::string_view tags) {
    return Call("CreateTable",
                absl::StrCat("table_name: '", name,
                             "' billing_mode: BILLING_MODE_PAY_PER_REQUEST "
                             "attribute_definitions { attribute_name: 'pk' "
                             "attribute_type: SCALAR_ATTRIBUTE_TYPE_S } "
                             "key_schema { attribute_name: 'pk' key_type: "
                             "KEY_TYPE_HASH }",
                             tags));
  };
  EXPECT_THAT(create("tagged", Tag("team", "maps")),
              StartsWith("table_description"));
  EXPECT_EQ(Call("ListTagsOfResource",
                 "resource_arn: "
                 "'arn:aws:dynamodb:local:000000000000:table/tagged'"),
            "tags { key: \"team\" value: \"maps\" }");
  EXPECT_THAT(create("refused", Tags(1, 51)),
              StartsWith("VALIDATION: Number of Tags"));
  EXPECT_THAT(Call("DescribeTable", "table_name: 'refused'"),
              StartsWith("RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace pallet::service
