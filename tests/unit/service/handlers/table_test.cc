// SPDX-License-Identifier: Apache-2.0
//
// CreateTable, DescribeTable, ListTables, UpdateTable and DeleteTable.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kPerRequest[] = " billing_mode: BILLING_MODE_PAY_PER_REQUEST ";
constexpr char kThroughput[] =
    " provisioned_throughput { read_capacity_units: 5 write_capacity_units: 3 "
    "} ";

std::string Attribute(absl::string_view name, absl::string_view type) {
  return absl::StrCat(" attribute_definitions { attribute_name: '", name,
                      "' attribute_type: SCALAR_ATTRIBUTE_TYPE_", type, " }");
}
std::string Key(absl::string_view name, absl::string_view type) {
  return absl::StrCat(" key_schema { attribute_name: '", name,
                      "' key_type: KEY_TYPE_", type, " }");
}
std::string Named(absl::string_view name) {
  return absl::StrCat(" table_name: '", name, "' ");
}
std::string ByPk() { return Attribute("pk", "S") + Key("pk", "HASH"); }

class TableTest : public HandlerTest {
 protected:
  std::string Create(absl::string_view more) {
    return Call("CreateTable", more);
  }
  v1::TableDescription Describe(absl::string_view name) {
    v1::DescribeTableResponse response;
    const std::string text = Call("DescribeTable", Named(name));
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response.table();
  }
};

TEST_F(TableTest, Example) {
  EXPECT_THAT(Create(Named("cities") + Attribute("country", "S") +
                     Attribute("name", "S") + Key("country", "HASH") +
                     Key("name", "RANGE") + kThroughput),
              StartsWith("table_description"));
  const v1::TableDescription table = Describe("cities");
  EXPECT_EQ(table.table_name(), "cities");
  EXPECT_EQ(table.table_status(), v1::TABLE_STATUS_ACTIVE);
  EXPECT_EQ(table.table_arn(),
            "arn:aws:dynamodb:local:000000000000:table/cities");
  EXPECT_EQ(table.table_id().size(), 36u);
  EXPECT_GT(table.creation_date_time().seconds(), 0);
  EXPECT_EQ(table.provisioned_throughput().read_capacity_units(), 5);
  EXPECT_EQ(table.provisioned_throughput().write_capacity_units(), 3);
  EXPECT_EQ(table.key_schema_size(), 2);
  EXPECT_EQ(table.attribute_definitions(1).attribute_type(),
            v1::SCALAR_ATTRIBUTE_TYPE_S);
  EXPECT_EQ(table.partition_count(), 3);
  EXPECT_FALSE(table.has_billing_mode_summary());
}

TEST_F(TableTest, CountsAreExact) {
  Put("plain", Plain("a") + S("v", "xyz"));
  Put("plain", Plain("b"));
  Put("plain", Plain("b"));
  const v1::TableDescription table = Describe("plain");
  EXPECT_EQ(table.item_count(), 2);
  EXPECT_EQ(table.table_size_bytes(), 7 + 3);
}

TEST_F(TableTest, ANameIsTakenOnce) {
  EXPECT_EQ(Create(Named("plain") + ByPk() + kPerRequest),
            "TABLE_ALREADY_EXISTS: Table already exists: plain");
}

TEST_F(TableTest, NamesHaveThreeTo255CharactersOfAFewKinds) {
  EXPECT_THAT(Create(Named(std::string(255, 'n')) + ByPk() + kPerRequest),
              StartsWith("table_description"));
  EXPECT_THAT(Create(Named("a_.-9") + ByPk() + kPerRequest),
              StartsWith("table_description"));
  EXPECT_EQ(Create(Named("ab") + ByPk() + kPerRequest),
            "VALIDATION: 1 validation error detected: Value 'ab' at "
            "'tableName' failed to satisfy constraint: Member must have length "
            "greater than or equal to 3");
  EXPECT_THAT(Create(Named(std::string(256, 'n')) + ByPk() + kPerRequest),
              HasSubstr("length less than or equal to 255"));
  EXPECT_THAT(Create(Named("a b") + ByPk() + kPerRequest),
              HasSubstr("satisfy regular expression pattern"));
  EXPECT_EQ(Create(ByPk()),
            "VALIDATION: The parameter 'TableName' is required but was not "
            "present in the request");
  EXPECT_EQ(Call("DescribeTable", Named("ab")),
            "VALIDATION: TableName must be at least 3 characters long and at "
            "most 255 characters long");
}

TEST_F(TableTest, ConstraintsAreCollected) {
  EXPECT_EQ(
      Create(Named("new") +
             "attribute_definitions { attribute_name: 'a' attribute_type: 9 } "
             "key_schema { key_type: KEY_TYPE_HASH } "
             "provisioned_throughput { read_capacity_units: 0 } "
             "billing_mode: 7"),
      "VALIDATION: 5 validation errors detected: Value '9' at "
      "'attributeDefinitions.1.member.attributeType' failed to satisfy "
      "constraint: Member must satisfy enum value set: [B, N, S]; Value null "
      "at 'keySchema.1.member.attributeName' failed to satisfy constraint: "
      "Member must not be null; Value null at "
      "'provisionedThroughput.writeCapacityUnits' failed to satisfy "
      "constraint: Member must not be null; Value '0' at "
      "'provisionedThroughput.readCapacityUnits' failed to satisfy "
      "constraint: Member must have value greater than or equal to 1; Value "
      "'7' at 'billingMode' failed to satisfy constraint: Member must satisfy "
      "enum value set: [PROVISIONED, PAY_PER_REQUEST]");
}

TEST_F(TableTest, BillingModeAndThroughputGoTogether) {
  EXPECT_THAT(Create(Named("new") + ByPk()),
              HasSubstr("must both be specified when BillingMode is "
                        "PROVISIONED"));
  EXPECT_THAT(Create(Named("new") + ByPk() + kPerRequest + kThroughput),
              HasSubstr("Neither ReadCapacityUnits nor WriteCapacityUnits"));
  EXPECT_THAT(
      Create(Named("new") + ByPk() +
             "provisioned_throughput { read_capacity_units: 1000000000001 "
             "write_capacity_units: 1 }"),
      HasSubstr("Given value 1000000000001 for ReadCapacityUnits is out of "
                "bounds"));
  EXPECT_THAT(
      Create(Named("new") + ByPk() +
             "provisioned_throughput { read_capacity_units: 1000000000000 "
             "write_capacity_units: 1 }"),
      StartsWith("table_description"));
  EXPECT_TRUE(Describe("plain").has_billing_mode_summary());
}

TEST_F(TableTest, KeySchemasAreChecked) {
  EXPECT_THAT(Create(Named("new") + Attribute("pk", "S") + Key("pk", "RANGE") +
                     kPerRequest),
              HasSubstr("The first KeySchemaElement is not a HASH key type"));
  EXPECT_THAT(Create(Named("new") + Attribute("a", "S") + Attribute("b", "S") +
                     Key("a", "HASH") + kPerRequest),
              HasSubstr("does not exactly match number of attributes"));
  EXPECT_THAT(Create(Named("new") + Attribute("a", "S") + kPerRequest),
              HasSubstr("Value '[]' at 'keySchema' failed to satisfy "
                        "constraint: Member must have length greater than or "
                        "equal to 1"));
  EXPECT_THAT(
      Create(Named("new") + Attribute("a", "S") + Key("a", "HASH") +
             Key("b", "RANGE") + Key("c", "RANGE") + kPerRequest),
      HasSubstr("Value '[a, b, c]' at 'keySchema' failed to satisfy "
                "constraint: Member must have length less than or equal to "
                "2"));
}

TEST_F(TableTest, KeyAttributeNamesHaveOneTo255Bytes) {
  const std::string longest(255, 'k');
  EXPECT_THAT(Create(Named("new") + Attribute(longest, "S") +
                     Key(longest, "HASH") + kPerRequest),
              StartsWith("table_description"));
  const std::string longer(256, 'k');
  EXPECT_EQ(Create(Named("new") + Attribute(longer, "S") + Key("", "HASH") +
                   kPerRequest),
            absl::StrCat(
                "VALIDATION: 2 validation errors detected: Value '", longer,
                "' at 'attributeDefinitions.1.member.attributeName' failed to "
                "satisfy constraint: Member must have length less than or "
                "equal to 255; Value '' at 'keySchema.1.member.attributeName' "
                "failed to satisfy constraint: Member must have length greater "
                "than or equal to 1"));
}

TEST_F(TableTest, UnbuiltFieldsAreRefusedAndNothingIsMade) {
  EXPECT_THAT(Create(Named("new") + ByPk() + kPerRequest +
                     "vector_indexes { index_name: 'by_name' }"),
              StartsWith("NOT_BUILT: The field vector_indexes"));
  EXPECT_EQ(Call("DescribeTable", Named("new")),
            "RESOURCE_NOT_FOUND: Requested resource not found: Table: new not "
            "found");
}

TEST_F(TableTest, NamesAreListedInOrderPageByPage) {
  for (const char* name : {"zebra", "Alpha", "mule"}) {
    EXPECT_THAT(Create(Named(name) + ByPk() + kPerRequest),
                StartsWith("table_description"));
  }
  EXPECT_EQ(Call("ListTables", ""),
            "table_names: \"Alpha\" table_names: \"mule\" table_names: "
            "\"pairs\" table_names: \"plain\" table_names: \"zebra\"");
  EXPECT_EQ(Call("ListTables", "limit: 2"),
            "table_names: \"Alpha\" table_names: \"mule\" "
            "last_evaluated_table_name: \"mule\"");
  EXPECT_EQ(
      Call("ListTables", "exclusive_start_table_name: 'nowhere' limit: 3"),
      "table_names: \"pairs\" table_names: \"plain\" table_names: "
      "\"zebra\"");
  EXPECT_EQ(Call("ListTables", "exclusive_start_table_name: 'zebra'"), "");
  EXPECT_THAT(Call("ListTables", "limit: 0"),
              HasSubstr("greater than or equal to 1"));
  EXPECT_THAT(Call("ListTables", "limit: 101"),
              HasSubstr("less than or equal to 100"));
  EXPECT_THAT(Call("ListTables", "exclusive_start_table_name: 'a b'"),
              HasSubstr("'exclusiveStartTableName'"));
}

TEST_F(TableTest, DeletingFreesTheNameAndForgetsTheItems) {
  Put("plain", Plain("a"));
  EXPECT_THAT(Call("DeleteTable", Named("plain")),
              HasSubstr("table_status: TABLE_STATUS_DELETING"));
  EXPECT_THAT(Call("GetItem", "table_name: 'plain' key {" + Plain("a") + "}"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_EQ(Call("DeleteTable", Named("plain")),
            "RESOURCE_NOT_FOUND: Requested resource not found: Table: plain "
            "not found");
  EXPECT_THAT(Create(Named("plain") + ByPk() + kPerRequest),
              StartsWith("table_description"));
  EXPECT_EQ(Call("GetItem", "table_name: 'plain' key {" + Plain("a") + "}"),
            "");
  EXPECT_EQ(Describe("plain").item_count(), 0);
}

TEST_F(TableTest, ProtectedTablesAreNotDeleted) {
  EXPECT_THAT(
      Call("UpdateTable", Named("plain") + "deletion_protection_enabled: true"),
      HasSubstr("deletion_protection_enabled: true"));
  EXPECT_EQ(Call("DeleteTable", Named("plain")),
            "VALIDATION: Resource cannot be deleted as it is currently "
            "protected against deletion. Disable deletion protection first.");
  EXPECT_THAT(Call("UpdateTable",
                   Named("plain") + "deletion_protection_enabled: false"),
              StartsWith("table_description"));
  EXPECT_THAT(Call("DeleteTable", Named("plain")),
              StartsWith("table_description"));
}

TEST_F(TableTest, UpdatesChangeBillingAndThroughput) {
  EXPECT_THAT(Call("UpdateTable",
                   Named("plain") + "billing_mode: BILLING_MODE_PROVISIONED"),
              HasSubstr("must both be specified"));
  EXPECT_THAT(Call("UpdateTable", Named("plain") + kThroughput),
              HasSubstr("Neither ReadCapacityUnits"));
  EXPECT_THAT(Call("UpdateTable", Named("plain") + kThroughput +
                                      "billing_mode: BILLING_MODE_PROVISIONED"),
              StartsWith("table_description"));
  EXPECT_EQ(Describe("plain").billing_mode_summary().billing_mode(),
            v1::BILLING_MODE_PROVISIONED);
  EXPECT_THAT(Call("UpdateTable", Named("plain") + kThroughput),
              HasSubstr("The provisioned throughput for the table will not "
                        "change."));
  EXPECT_THAT(
      Call("UpdateTable",
           Named("plain") + absl::StrReplaceAll(kThroughput, {{"5", "4"}})),
      StartsWith("table_description"));
  const v1::TableDescription table = Describe("plain");
  EXPECT_EQ(table.provisioned_throughput().read_capacity_units(), 4);
  EXPECT_EQ(table.provisioned_throughput().number_of_decreases_today(), 1);
  EXPECT_TRUE(table.provisioned_throughput().has_last_decrease_date_time());
  EXPECT_THAT(Call("UpdateTable", Named("plain") + kPerRequest),
              StartsWith("table_description"));
  EXPECT_EQ(Describe("plain").provisioned_throughput().read_capacity_units(),
            0);
}

TEST_F(TableTest, UpdatesChangeTheTableClass) {
  EXPECT_FALSE(Describe("plain").has_table_class_summary());
  EXPECT_THAT(Call("UpdateTable", Named("plain") +
                                      "table_class: "
                                      "TABLE_CLASS_STANDARD_INFREQUENT_ACCESS"),
              StartsWith("table_description"));
  const v1::TableClassSummary summary = Describe("plain").table_class_summary();
  EXPECT_EQ(summary.table_class(), v1::TABLE_CLASS_STANDARD_INFREQUENT_ACCESS);
  EXPECT_TRUE(summary.has_last_update_date_time());
}

TEST_F(TableTest, UpdatesThatChangeNothingAreRefused) {
  EXPECT_THAT(Call("UpdateTable", Named("plain")),
              HasSubstr("At least one of ProvisionedThroughput"));
  EXPECT_THAT(Call("UpdateTable",
                   Named("nowhere") + "deletion_protection_enabled: true"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Call("UpdateTable", Named("plain") + "replica_updates {}"),
              StartsWith("NOT_BUILT"));
}

TEST_F(TableTest, TablesAreFoundByArnToo) {
  EXPECT_THAT(Call("DescribeTable",
                   Named("arn:aws:dynamodb:us-east-1:123456789012:table/"
                         "plain")),
              HasSubstr("table_name: \"plain\""));
}

}  // namespace
}  // namespace pallet::service
