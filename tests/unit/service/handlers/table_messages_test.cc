// SPDX-License-Identifier: Apache-2.0
//
// The words of refusals, continued (messages_test.cc): of tables, their indexes
// and tags. schema_test.cc has those of key schemas and projections.
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/service/handlers/json_fixture.h"

namespace pallet::service {
namespace {

using TableMessagesTest = JsonHandlerTest;

TEST_F(TableMessagesTest, NamesOfTables) {
  const std::string long_name = "{'TableName':'" + std::string(256, 'a') + "'}";
  for (const char* operation :
       {"CreateTable", "DescribeTable", "DeleteTable", "UpdateTable"}) {
    Check({{operation, "{}", kPlain,
            "The parameter 'TableName' is required but was not present in the "
            "request"}});
  }
  for (const char* operation :
       {"DescribeTable", "DeleteTable", "UpdateTable"}) {
    for (const std::string& request :
         {std::string("{'TableName':'ab'}"), long_name}) {
      Check({{operation, request, kPlain,
              "TableName must be at least 3 characters long and at most 255 "
              "characters long"}});
    }
  }
  Check({{"CreateTable", absl::StrCat("{'TableName':'ab',", kCities, "}"),
          kWrapped,
          "Value 'ab' at 'tableName' failed to satisfy constraint: Member must "
          "have length greater than or equal to 3"},
         {"GetItem", "{'TableName':'','Key':{}}", kWrapped,
          "Value '' at 'tableName' failed to satisfy constraint: Member must "
          "have length greater than or equal to 1"},
         {"GetItem", "{'TableName':'none','Key':{'pk':{'S':'a'}}}", kNotFound},
         {"DescribeTable", "{'TableName':'none'}", kNotFound,
          ": Table: none not found"},
         {"DeleteTable", "{'TableName':'none'}", kNotFound,
          ": Table: none not found"},
         {"CreateTable", absl::StrCat("{'TableName':'cities',", kCities, "}"),
          "ResourceInUseException: ", "Table already exists: cities"}});
  Ask("UpdateTable", "{'TableName':'plain','DeletionProtectionEnabled':true}");
  Check({{"DeleteTable", "{'TableName':'plain'}", kPlain,
          "Resource cannot be deleted as it is currently protected against "
          "deletion. Disable deletion protection first."}});
}

TEST_F(TableMessagesTest, Tags) {
  const char* kArn = "arn:aws:dynamodb:local:000000000000:table/";
  Check({
      {"ListTagsOfResource", "{'ResourceArn':'arn:aws:dynamodb:x'}", kPlain,
       "Invalid TableArn: Invalid ResourceArn provided as input "
       "arn:aws:dynamodb:x"},
      {"TagResource",
       absl::StrCat("{'ResourceArn':'", kArn, "cities','Tags':[]}"), kPlain,
       "Atleast one Tag needs to be provided as Input."},
      {"TagResource",
       absl::StrCat("{'ResourceArn':'", kArn,
                    "none','Tags':[{'Key':'a','Value':'b'}]}"),
       kNotFound, absl::StrCat(": ResourcArn: ", kArn, "none not found")},
  });
}

TEST_F(TableMessagesTest, Indexes) {
  const auto update = [](absl::string_view changes) {
    return absl::StrCat("{'TableName':'cities','GlobalSecondaryIndexUpdates':[",
                        changes, "]}");
  };
  Check({
      {"UpdateTable", "{'TableName':'cities'}", kPlain,
       "At least one of ProvisionedThroughput, BillingMode, "
       "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification "
       "or ReplicaUpdates is required"},
      {"UpdateTable", update("{}"), kInvalid,
       "One of GlobalSecondaryIndexUpdate.Update, "
       "GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete "
       "must not be null"},
      {"UpdateTable",
       update("{'Delete':{'IndexName':'by_name'}},"
              "{'Delete':{'IndexName':'by_name'}}"),
       kInvalid,
       "Only one global secondary index update per index is allowed "
       "simultaneously. Index: by_name"},
      {"UpdateTable",
       update("{'Delete':{'IndexName':'by_name'}},"
              "{'Delete':{'IndexName':'other'}}"),
       "LimitExceededException: ",
       "Subscriber limit exceeded: Only 1 online index can be created or "
       "deleted simultaneously per table"},
  });
}

}  // namespace
}  // namespace pallet::service
