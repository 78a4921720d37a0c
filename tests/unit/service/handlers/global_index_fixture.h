// SPDX-License-Identifier: Apache-2.0
//
// GlobalIndexTest: a table with global indexes, entries that are put by hand,
// and reads of them by name.
//
// The table "places" has pk S and sk N, and these indexes:
//   by-name    label S; all attributes
//   by-region  country S, yard N, then city S, score N; with x
//   by-score   country S, then score N; keys only
//   filling    label S; not to be read yet
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "google/protobuf/text_format.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "tests/testing/index_entries.h"
#include "tests/unit/service/handlers/handler_fixture.h"

namespace pallet::service {

inline constexpr char kPlaces[] = R"(
  name: 'places' billing_mode: TABLE_BILLING_MODE_PAY_PER_REQUEST
  attribute_definitions { name: 'pk' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'sk' type: SCALAR_TYPE_NUMBER }
  attribute_definitions { name: 'label' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'country' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'yard' type: SCALAR_TYPE_NUMBER }
  attribute_definitions { name: 'city' type: SCALAR_TYPE_STRING }
  attribute_definitions { name: 'score' type: SCALAR_TYPE_NUMBER }
  key_schema { name: 'pk' role: KEY_ROLE_PARTITION }
  key_schema { name: 'sk' role: KEY_ROLE_SORT }
  global_indexes { name: 'by-name' projection: INDEX_PROJECTION_ALL
    key_schema { name: 'label' role: KEY_ROLE_PARTITION } }
  global_indexes { name: 'by-region' projection: INDEX_PROJECTION_INCLUDE
    non_key_attributes: 'x'
    key_schema { name: 'country' role: KEY_ROLE_PARTITION }
    key_schema { name: 'yard' role: KEY_ROLE_PARTITION }
    key_schema { name: 'city' role: KEY_ROLE_SORT }
    key_schema { name: 'score' role: KEY_ROLE_SORT } }
  global_indexes { name: 'by-score' projection: INDEX_PROJECTION_KEYS_ONLY
    key_schema { name: 'country' role: KEY_ROLE_PARTITION }
    key_schema { name: 'score' role: KEY_ROLE_SORT } }
  global_indexes { name: 'filling' projection: INDEX_PROJECTION_ALL
    key_schema { name: 'label' role: KEY_ROLE_PARTITION } }
)";

inline constexpr char kIndexes[] =
    " return_consumed_capacity: RETURN_CONSUMED_CAPACITY_INDEXES ";

class GlobalIndexTest : public HandlerTest {
 protected:
  GlobalIndexTest() {
    storage::v1::TableRecord places;
    CHECK(google::protobuf::TextFormat::ParseFromString(kPlaces, &places));
    const auto table = host_->CreateTable(places);
    CHECK_OK(table.status());
    std::vector<cluster::IndexId> filled;
    for (const auto& index : (*table)->global_indexes) {
      if (index.schema->name() != "filling") filled.push_back(index.id);
    }
    CHECK_OK(host_->ActivateIndexes("places", filled).status());
  }

  // Puts the item's entries into all indexes it belongs to.
  void Add(const std::string& item_text) {
    v1::Item item;
    CHECK(google::protobuf::TextFormat::ParseFromString(item_text, &item));
    for (const char* index : {"by-name", "by-region", "by-score", "filling"}) {
      testing::PutIndexEntry(*host_, "places", index, item.SerializeAsString());
    }
  }
  void AddPlace(int sk, absl::string_view city, absl::string_view score,
                absl::string_view more = "") {
    Add(absl::StrCat(Pair("a", sk), S("country", "DE"), N("yard", "1"),
                     S("city", city), N("score", score), more));
  }

  static std::string Value(absl::string_view name, absl::string_view value) {
    return absl::StrCat(" expression_attribute_values { key: ':", name,
                        "' value { ", value, " } }");
  }
  static std::string ByName(absl::string_view name) {
    return absl::StrCat(" key_condition_expression: 'label = :n'",
                        Value("n", absl::StrCat("s: '", name, "'")));
  }
  // Germany's yard 1 and, behind that, a condition.
  static std::string ByRegion(absl::string_view more = "",
                              absl::string_view values = "") {
    return absl::StrCat(
        " key_condition_expression: 'country = :c AND yard = :z", more, "'",
        Value("c", "s: 'DE'"), Value("z", "n: '1'"), values);
  }
  static std::string ByScore() {
    return absl::StrCat(" key_condition_expression: 'country = :c'",
                        Value("c", "s: 'DE'"));
  }

  std::string Query(absl::string_view index, absl::string_view more) {
    return Call("Query", absl::StrCat("table_name: 'places' index_name: '",
                                      index, "' ", more));
  }
  std::string Scan(absl::string_view index, absl::string_view more) {
    return Call("Scan", absl::StrCat("table_name: 'places' index_name: '",
                                     index, "' ", more));
  }

  // The sort keys of what is found, in order; page by page.
  std::vector<std::string> Found(const char* operation, absl::string_view index,
                                 absl::string_view more) {
    std::vector<std::string> found;
    std::string start;
    do {
      const std::string text =
          Call(operation, absl::StrCat("table_name: 'places' index_name: '",
                                       index, "' ", more, start));
      v1::QueryResponse page;  // Scan's looks the same
      CHECK(google::protobuf::TextFormat::ParseFromString(text, &page)) << text;
      for (const v1::Item& item : page.items()) {
        found.push_back(item.attributes().at("sk").n());
      }
      start =
          page.has_last_evaluated_key()
              ? absl::StrCat(" exclusive_start_key { ",
                             page.last_evaluated_key().ShortDebugString(), " }")
              : "";
    } while (!start.empty());
    return found;
  }
  std::vector<std::string> Found(absl::string_view index,
                                 absl::string_view more) {
    return Found("Query", index, more);
  }
};

}  // namespace pallet::service
