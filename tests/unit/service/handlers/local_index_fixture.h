// SPDX-License-Identifier: Apache-2.0
//
// The table "places" has pk S and sk N, and three indexes: "by-name" (S, all
// attributes), "by-score" (N, keys only), "by-tag" (S, with x and y).
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/v1/item_service.pb.h"
#include "pallet/v1/table_service.pb.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

inline constexpr char kIndexes[] =
    " return_consumed_capacity: "
    "RETURN_CONSUMED_CAPACITY_INDEXES ";

inline std::string Attribute(absl::string_view name, absl::string_view type) {
  return absl::StrCat(" attribute_definitions { attribute_name: '", name,
                      "' attribute_type: SCALAR_ATTRIBUTE_TYPE_", type, " }");
}

inline std::string Keys(absl::string_view hash, absl::string_view range) {
  return absl::StrCat(" key_schema { attribute_name: '", hash,
                      "' key_type: KEY_TYPE_HASH } key_schema { "
                      "attribute_name: '",
                      range, "' key_type: KEY_TYPE_RANGE }");
}

inline std::string Index(absl::string_view name, absl::string_view sort,
                         absl::string_view projection) {
  return absl::StrCat(" local_secondary_indexes { index_name: '", name, "'",
                      Keys("pk", sort),
                      " projection { projection_type: ", "PROJECTION_TYPE_",
                      projection, " } }");
}

class LocalIndexTest : public HandlerTest {
 protected:
  LocalIndexTest() {
    const std::string created =
        Call("CreateTable",
             absl::StrCat("table_name: 'places' billing_mode: "
                          "BILLING_MODE_PAY_PER_REQUEST",
                          Attribute("pk", "S"), Attribute("sk", "N"),
                          Attribute("name", "S"), Attribute("score", "N"),
                          Attribute("tag", "S"), Keys("pk", "sk"),
                          Index("by-name", "name", "ALL"),
                          Index("by-score", "score", "KEYS_ONLY"),
                          Index("by-tag", "tag",
                                "INCLUDE non_key_attributes: 'x' "
                                "non_key_attributes: 'y'")));
    CHECK(host_->FindTable("places") != nullptr) << created;
  }

  std::string Write(absl::string_view operation, absl::string_view request) {
    return Call(operation,
                absl::StrCat("table_name: 'places' ", request, kIndexes));
  }
  std::string PutPlace(absl::string_view item) {
    return Write("PutItem", absl::StrCat("item {", item, "}"));
  }

  static std::string ByPk(absl::string_view pk) {
    return absl::StrCat(
        " key_condition_expression: 'pk = :p' "
        "expression_attribute_values { key: ':p' value { s: '",
        pk, "' } } ");
  }
  std::string Query(absl::string_view index, absl::string_view more) {
    return Call("Query", absl::StrCat("table_name: 'places' index_name: '",
                                      index, "' ", more));
  }

  v1::QueryResponse Parse(const std::string& text) {
    v1::QueryResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(text, &response))
        << text;
    return response;
  }

  // The sort keys of the items a query finds, in order; page by page.
  std::vector<std::string> Found(absl::string_view index,
                                 absl::string_view more) {
    std::vector<std::string> found;
    std::string start;
    do {
      const v1::QueryResponse page =
          Parse(Query(index, absl::StrCat(more, start)));
      for (const v1::Item& item : page.items()) {
        for (const auto& [name, value] : item.attributes()) {
          if (name == "sk") found.push_back(value.n());
        }
      }
      start =
          page.has_last_evaluated_key()
              ? absl::StrCat(" exclusive_start_key { ",
                             page.last_evaluated_key().ShortDebugString(), " }")
              : "";
    } while (!start.empty());
    return found;
  }

  std::string CountsOf(absl::string_view index) {
    v1::DescribeTableResponse response;
    CHECK(google::protobuf::TextFormat::ParseFromString(
        Call("DescribeTable", "table_name: 'places'"), &response));
    for (const auto& each : response.table().local_secondary_indexes()) {
      if (each.index_name() == index) {
        return absl::StrCat(each.item_count(), " of ", each.index_size_bytes());
      }
    }
    return "none";
  }
};

}  // namespace pallet::service
