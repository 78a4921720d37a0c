// SPDX-License-Identifier: Apache-2.0
//
// Ceilings, warm throughput and encryption of a table; DescribeLimits and
// DescribeEndpoints.
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPerRequest[] = " billing_mode: BILLING_MODE_PAY_PER_REQUEST ";
constexpr char kThroughput[] =
    " billing_mode: BILLING_MODE_PROVISIONED provisioned_throughput { "
    "read_capacity_units: 5 write_capacity_units: 3 } ";

class TableSettingsTest : public HandlerTest {
 protected:
  std::string Create(absl::string_view more) {
    return Call("CreateTable",
                absl::StrCat("table_name: 'new' attribute_definitions { "
                             "attribute_name: 'pk' attribute_type: "
                             "SCALAR_ATTRIBUTE_TYPE_S } key_schema { "
                             "attribute_name: 'pk' key_type: KEY_TYPE_HASH } ",
                             more));
  }
  std::string Update(absl::string_view more) {
    return Call("UpdateTable", absl::StrCat("table_name: 'new' ", more));
  }
  v1::TableDescription Describe() {
    v1::DescribeTableResponse response;
    const std::string text = Call("DescribeTable", "table_name: 'new'");
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response.table();
  }
  std::string Warm() {
    const v1::WarmThroughputDescription warm = Describe().warm_throughput();
    return absl::StrCat(warm.read_units_per_second(), "/",
                        warm.write_units_per_second());
  }
};

TEST_F(TableSettingsTest, CeilingsAreMergedMemberByMember) {
  EXPECT_THAT(Create(absl::StrCat(kPerRequest,
                                  "on_demand_throughput { "
                                  "max_read_request_units: 20 }")),
              HasSubstr("on_demand_throughput { max_read_request_units: 20 }"));
  EXPECT_THAT(Update("on_demand_throughput { max_write_request_units: 7 }"),
              HasSubstr("on_demand_throughput { max_read_request_units: 20 "
                        "max_write_request_units: 7 }"));
  EXPECT_THAT(Update("on_demand_throughput { max_read_request_units: -1 }"),
              HasSubstr("on_demand_throughput { max_write_request_units: 7 }"));
  EXPECT_THAT(Update(kThroughput), StartsWith("table_description"));
  EXPECT_FALSE(Describe().has_on_demand_throughput());
}

TEST_F(TableSettingsTest, CeilingsAreForOnDemandTablesAndAtLeastOne) {
  constexpr char kRange[] =
      "VALIDATION: One or more parameter values were invalid: Requested "
      "MaxWriteRequestUnits for OnDemandThroughput for table is outside of "
      "valid range";
  EXPECT_EQ(Create(absl::StrCat(kThroughput,
                                "on_demand_throughput { "
                                "max_read_request_units: 0 }")),
            "VALIDATION: One or more parameter values were invalid: "
            "MaxReadRequestUnits for OnDemandThroughput cannot be specified "
            "when table BillingMode is PROVISIONED.");
  EXPECT_EQ(Create(absl::StrCat(kPerRequest,
                                "on_demand_throughput { "
                                "max_write_request_units: -1 }")),
            kRange);
  EXPECT_THAT(Create(absl::StrCat(kPerRequest, "on_demand_throughput {}")),
              StartsWith("table_description"));
  EXPECT_EQ(Update("on_demand_throughput { max_write_request_units: 0 }"),
            kRange);
  EXPECT_THAT(Update("on_demand_throughput {}"),
              StartsWith("VALIDATION: At least one of"));
  EXPECT_THAT(Update(kThroughput), StartsWith("table_description"));
  EXPECT_EQ(Update("on_demand_throughput { max_write_request_units: 1 }"),
            "VALIDATION: One or more parameter values were invalid: "
            "MaxWriteRequestUnits for OnDemandThroughput cannot be specified "
            "when the table BillingMode is PROVISIONED");
}

TEST_F(TableSettingsTest, WarmThroughputNeverFalls) {
  EXPECT_THAT(Create(kThroughput), StartsWith("table_description"));
  EXPECT_EQ(Warm(), "5/3");
  EXPECT_THAT(Update("warm_throughput { write_units_per_second: 2 }"),
              HasSubstr("Requested WriteUnitsPerSecond for WarmThroughput for "
                        "table is lower than current WarmThroughput, "
                        "decreasing WarmThroughput is not supported"));
  EXPECT_THAT(Update("warm_throughput { write_units_per_second: 50 }"),
              StartsWith("table_description"));
  EXPECT_EQ(Warm(), "5/50");
  EXPECT_THAT(Update("provisioned_throughput { read_capacity_units: 1 "
                     "write_capacity_units: 60 }"),
              StartsWith("table_description"));
  EXPECT_EQ(Warm(), "5/60");
  EXPECT_THAT(Update(kPerRequest), StartsWith("table_description"));
  EXPECT_EQ(Warm(), "12000/4000");
  EXPECT_THAT(Update(kThroughput), StartsWith("table_description"));
  EXPECT_EQ(Warm(), "12000/4000");
}

TEST_F(TableSettingsTest, NewTablesAreNotColderThanTheyMustBe) {
  EXPECT_THAT(Create(absl::StrCat(kPerRequest,
                                  "warm_throughput { read_units_per_second: "
                                  "11999 }")),
              HasSubstr("lower than initial throughput for OnDemand"));
  EXPECT_THAT(Create(absl::StrCat(kThroughput,
                                  "warm_throughput { write_units_per_second: "
                                  "2 }")),
              HasSubstr("Requested WriteUnitsPerSecond for WarmThroughput for "
                        "table is lower than WriteCapacityUnits of "
                        "ProvisionedThroughput"));
  EXPECT_THAT(Create(absl::StrCat(kPerRequest,
                                  "warm_throughput { read_units_per_second: "
                                  "12001 }")),
              StartsWith("table_description"));
  EXPECT_EQ(Warm(), "12001/4000");
}

TEST_F(TableSettingsTest, EncryptionIsKeptAndReported) {
  EXPECT_THAT(Create(kPerRequest), StartsWith("table_description"));
  EXPECT_FALSE(Describe().has_sse_description());
  EXPECT_THAT(Update("sse_specification { enabled: false }"),
              HasSubstr("Table is already encrypted by default"));
  EXPECT_THAT(
      Update("sse_specification { enabled: true sse_type: SSE_TYPE_KMS "
             "kms_master_key_id: '1234' }"),
      HasSubstr("sse_description { status: SSE_STATUS_ENABLED sse_type: "
                "SSE_TYPE_KMS kms_master_key_arn: "
                "\"arn:aws:kms:local:000000000000:key/1234\" }"));
  EXPECT_THAT(Update("sse_specification { enabled: true sse_type: SSE_TYPE_KMS "
                     "kms_master_key_id: '1234' }"),
              HasSubstr("already encrypted with given KMSMasterKeyId"));
  EXPECT_THAT(Update("sse_specification { enabled: true }"),
              HasSubstr("alias/aws/dynamodb"));
  EXPECT_THAT(Update("sse_specification { enabled: false }"),
              StartsWith("table_description"));
  EXPECT_FALSE(Describe().has_sse_description());
}

TEST_F(TableSettingsTest, EncryptionIsChecked) {
  const auto refused = [&](absl::string_view members) {
    return Create(
        absl::StrCat(kPerRequest, "sse_specification {", members, "}"));
  };
  EXPECT_THAT(refused("sse_type: SSE_TYPE_KMS"),
              HasSubstr("SSEType can not be specified if Enabled is false"));
  EXPECT_THAT(
      refused("kms_master_key_id: 'k'"),
      HasSubstr("KMSMasterKeyId can not be specified if Enabled is false"));
  EXPECT_THAT(refused("enabled: true sse_type: SSE_TYPE_AES256"),
              HasSubstr("SSEType AES256 is not supported"));
  EXPECT_THAT(
      refused("enabled: true kms_master_key_id: 'k'"),
      HasSubstr("SSEType KMS is required if KMSMasterKeyId is specified"));
  EXPECT_THAT(refused("enabled: true sse_type: 9"),
              HasSubstr("enum value set: [AES256, KMS]"));
  EXPECT_THAT(
      Create(absl::StrCat(kPerRequest, "sse_specification { enabled: false }")),
      StartsWith("table_description"));
}

TEST_F(TableSettingsTest, DeletionProtectionIsChangedAlone) {
  EXPECT_THAT(Create(kPerRequest), StartsWith("table_description"));
  EXPECT_EQ(Update("deletion_protection_enabled: true "
                   "table_class: TABLE_CLASS_STANDARD"),
            "VALIDATION: DeletionProtection modification must be the only "
            "operation in the request");
}

TEST_F(TableSettingsTest, DefinitionsWithoutNewIndexesChangeNothing) {
  EXPECT_THAT(Create(kPerRequest), StartsWith("table_description"));
  constexpr char kDefinition[] =
      " attribute_definitions { attribute_name: 'other' attribute_type: "
      "SCALAR_ATTRIBUTE_TYPE_N } ";
  EXPECT_THAT(Update(kDefinition), StartsWith("VALIDATION: At least one of"));
  EXPECT_THAT(
      Update(absl::StrCat(kDefinition, "deletion_protection_enabled: true")),
      StartsWith("table_description"));
  EXPECT_EQ(Describe().attribute_definitions_size(), 1);
}

TEST_F(TableSettingsTest, LimitsAndEndpoints) {
  EXPECT_EQ(Call("DescribeLimits", ""),
            "account_max_read_capacity_units: 80000 "
            "account_max_write_capacity_units: 80000 "
            "table_max_read_capacity_units: 40000 "
            "table_max_write_capacity_units: 40000");
  CallContext context;
  context.endpoint = "tables.example:8000";
  EXPECT_EQ(Call("DescribeEndpoints", "", context),
            "endpoints { address: \"tables.example:8000\" "
            "cache_period_in_minutes: 1440 }");
}

}  // namespace
}  // namespace pallet::service
