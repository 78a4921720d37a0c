// SPDX-License-Identifier: Apache-2.0
//
// Random global indexes, of one to four partition and up to four sort
// attributes of random types, over random items: each Query and Scan must give
// what a filter and a sort in plain memory say, in that order, page by page,
// both ways, in expressions and in legacy KeyConditions. The table's own key
// attributes are among those that an index may have.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/random.h"
#include "cluster/partition_host.h"
#include "gtest/gtest.h"
#include "pallet/storage/v1/catalog.pb.h"
#include "pallet/v1/item_service.pb.h"
#include "service/handlers/handlers.h"
#include "service/operation.h"
#include "tests/testing/index_entries.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::service {
namespace {

// One attribute of all schemas: its type is what its name begins with.
char TypeOf(const std::string& name) { return name[0]; }

// -1, 0 or 1, as values of that type are in order.
int Compare(char type, const std::string& a, const std::string& b) {
  if (type == 'n') {
    const double x = std::stod(a), y = std::stod(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const int order = a.compare(b);  // as unsigned bytes
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

void SetValue(const std::string& name, const std::string& text,
              v1::AttributeValue* value) {
  switch (TypeOf(name)) {
    case 'n':
      return value->set_n(text);
    case 'b':
      return value->set_b(text);
    default:
      return value->set_s(text);
  }
}

using Row = std::map<std::string, std::string>;  // "s0" -> "text"

v1::Item ItemOf(const Row& row) {
  v1::Item item;
  for (const auto& [name, text] : row) {
    SetValue(name, text, &(*item.mutable_attributes())[name]);
  }
  return item;
}

std::string TextOf(const v1::Item& item) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : item.attributes()) {
    sorted[name] = value.has_n()   ? value.n()
                   : value.has_b() ? value.b()
                                   : value.s();
  }
  return absl::StrJoin(sorted, " ", absl::PairFormatter("="));
}

struct Schema {
  std::vector<std::string> partition, sort;
  storage::v1::IndexProjection projection =
      storage::v1::INDEX_PROJECTION_UNSPECIFIED;
};

// A condition on a sort attribute, the oracle's way.
struct Term {
  std::string name, op, value, upper;

  bool Holds(const Row& row) const {
    const std::string& found = row.at(name);
    const int order = Compare(TypeOf(name), found, value);
    if (op == "=") return order == 0;
    if (op == "<") return order < 0;
    if (op == "<=") return order <= 0;
    if (op == ">") return order > 0;
    if (op == ">=") return order >= 0;
    if (op == "BETWEEN") {
      return order >= 0 && Compare(TypeOf(name), found, upper) <= 0;
    }
    return absl::StartsWith(found, value);
  }
};

class GlobalIndexReadPropertyTest : public ::testing::Test {
 protected:
  GlobalIndexReadPropertyTest() : random_(testing::TestSeed()) {
    logger_->set_level(LogLevel::kWarning);
    cluster::PartitionHostOptions options;
    options.data_directory = directory_.path() + "/data";
    options.open_store = storage::Store::Open;
    options.store_count = 2;
    options.store.map_size = uint64_t{1} << 28;
    options.store.segment_bytes = uint64_t{4} << 20;
    options.store.memtable_bytes = uint64_t{1} << 16;
    options.store.free_disk_reserve = uint64_t{1} << 20;
    options.logger = logger_.get();
    auto host = cluster::PartitionHost::Open(std::move(options));
    CHECK(host.ok()) << host.status();
    host_ = *std::move(host);
    RegisterHandlers(
        {.host = host_.get(), .read_pool = &read_pool_, .control = &control_},
        &operations_);
  }
  ~GlobalIndexReadPropertyTest() override {
    read_pool_.Shutdown();
    control_.Shutdown();
  }

  template <typename Response>
  Response Call(const std::string& operation,
                const google::protobuf::Message& request) {
    absl::StatusOr<std::string> answer;
    absl::Notification answered;
    (*operations_.Find(operation))(request.SerializeAsString(), CallContext(),
                                   [&](absl::StatusOr<std::string> given) {
                                     answer = std::move(given);
                                     answered.Notify();
                                   });
    answered.WaitForNotification();
    CHECK(answer.ok()) << answer.status() << request.ShortDebugString();
    Response response;
    CHECK(response.ParseFromString(*answer));
    return response;
  }

  bool OneIn(uint64_t n) { return random_.OneIn(n); }

  // Few values, so that they meet; some are the beginning of others.
  std::string SomeValue(const std::string& name) {
    static const std::vector<std::string> kNumbers = {
        "-1000", "-2.5", "-2", "0", "0.1", "1", "2", "10", "100"};
    static const std::vector<std::string> kTexts = {"a",
                                                    "aa",
                                                    "ab",
                                                    "b",
                                                    "ba",
                                                    std::string("a\0", 2),
                                                    std::string("a\0b", 3),
                                                    "z"};
    if (TypeOf(name) == 'n') return kNumbers[random_.Below(kNumbers.size())];
    std::string text = kTexts[random_.Below(kTexts.size())];
    if (TypeOf(name) == 'b' && OneIn(3)) text += '\xFF';
    if (OneIn(12)) text += std::string(random_.Below(200), 'l');
    return text;
  }

  Schema SomeSchema() {
    std::vector<std::string> names = {"s0", "s1", "s2", "n0",  "n1",
                                      "n2", "b0", "b1", "spk", "nsk"};
    Schema schema;
    const auto take = [&](uint64_t count, std::vector<std::string>* to) {
      for (; count > 0; --count) {
        const size_t at = random_.Below(names.size());
        to->push_back(names[at]);
        names.erase(names.begin() + at);
      }
    };
    // Most often one or two, so that many rows are in one collection.
    take(1 + random_.Below(OneIn(3) ? 4 : 2), &schema.partition);
    take(random_.Below(5), &schema.sort);
    schema.projection =
        static_cast<storage::v1::IndexProjection>(1 + random_.Below(3));
    return schema;
  }

  void CreateTable(const Schema& schema) {
    const auto type = [](const std::string& name) {
      return TypeOf(name) == 'n'   ? storage::v1::SCALAR_TYPE_NUMBER
             : TypeOf(name) == 'b' ? storage::v1::SCALAR_TYPE_BINARY
                                   : storage::v1::SCALAR_TYPE_STRING;
    };
    storage::v1::TableRecord table;
    table.set_name("t");
    table.set_billing_mode(storage::v1::TABLE_BILLING_MODE_PAY_PER_REQUEST);
    std::set<std::string> defined;
    const auto add = [&](const std::string& name, storage::v1::KeyRole role,
                         auto* to) {
      auto* element = to->add_key_schema();
      element->set_name(name);
      element->set_role(role);
      if (!defined.insert(name).second) return;
      auto* definition = table.add_attribute_definitions();
      definition->set_name(name);
      definition->set_type(type(name));
    };
    add("spk", storage::v1::KEY_ROLE_PARTITION, &table);
    add("nsk", storage::v1::KEY_ROLE_SORT, &table);
    auto* index = table.add_global_indexes();
    index->set_name("index");
    index->set_projection(schema.projection);
    if (schema.projection == storage::v1::INDEX_PROJECTION_INCLUDE) {
      index->add_non_key_attributes("sx");
    }
    for (const std::string& name : schema.partition) {
      add(name, storage::v1::KEY_ROLE_PARTITION, index);
    }
    for (const std::string& name : schema.sort) {
      add(name, storage::v1::KEY_ROLE_SORT, index);
    }
    const auto created = host_->CreateTable(table);
    CHECK(created.ok()) << created.status();
    CHECK_OK(host_->ActivateIndexes("t", {(*created)->global_indexes[0].id})
                 .status());
  }

  bool IsIn(const Schema& schema, const Row& row) {
    const auto has = [&](const std::string& name) { return row.count(name); };
    return std::all_of(schema.partition.begin(), schema.partition.end(), has) &&
           std::all_of(schema.sort.begin(), schema.sort.end(), has);
  }

  void Fill(const Schema& schema) {
    rows_.clear();
    std::set<std::pair<std::string, std::string>> keys;
    for (int i = 0; i < 80; ++i) {
      Row row;
      // Partition attributes have two values, so that rows meet.
      for (const char* name :
           {"s0", "s1", "s2", "n0", "n1", "n2", "b0", "b1", "sx", "sy"}) {
        if (!OneIn(15)) row[name] = SomeValue(name);
      }
      for (const std::string& name : schema.partition) {
        if (row.count(name) > 0 && !OneIn(5)) {
          row[name] = TypeOf(name) == 'n' ? "7" : "same";
        }
      }
      row["spk"] = SomeValue("spk");
      row["nsk"] = absl::StrCat(random_.Below(20));
      if (!keys.insert({row["spk"], row["nsk"]}).second) continue;
      const bool in = testing::PutIndexEntry(*host_, "t", "index",
                                             ItemOf(row).SerializeAsString());
      ASSERT_EQ(in, IsIn(schema, row));
      if (in) rows_.push_back(row);
    }
    const auto before = [&](const Row& a, const Row& b) {
      for (const std::string& name : schema.sort) {
        const int order = Compare(TypeOf(name), a.at(name), b.at(name));
        if (order != 0) return order < 0;
      }
      return false;
    };
    std::sort(rows_.begin(), rows_.end(), before);
    rank_.clear();
    int rank = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (i > 0 && before(rows_[i - 1], rows_[i])) ++rank;
      rank_[Expected(schema, rows_[i])] = rank;
    }
  }

  std::string Expected(const Schema& schema, const Row& row) {
    if (schema.projection == storage::v1::INDEX_PROJECTION_ALL) {
      return TextOf(ItemOf(row));
    }
    std::set<std::string> kept = {"spk", "nsk"};
    kept.insert(schema.partition.begin(), schema.partition.end());
    kept.insert(schema.sort.begin(), schema.sort.end());
    if (schema.projection == storage::v1::INDEX_PROJECTION_INCLUDE) {
      kept.insert("sx");
    }
    Row projected;
    for (const auto& [name, text] : row) {
      if (kept.count(name) > 0) projected[name] = text;
    }
    return TextOf(ItemOf(projected));
  }

  // `=` on the partition and on some sort attributes, any operator on the last.
  std::vector<Term> SomeTerms(const Schema& schema) {
    const auto value = [&](const std::string& name) {
      if (rows_.empty() || OneIn(8)) return SomeValue(name);
      return rows_[random_.Below(rows_.size())].at(name);
    };
    // Mostly all of one row, so that something is found.
    const Row like = rows_.empty() ? Row() : rows_[random_.Below(rows_.size())];
    const auto equal = [&](const std::string& name) {
      return like.empty() || OneIn(12) ? value(name) : like.at(name);
    };
    std::vector<Term> terms;
    for (const std::string& name : schema.partition) {
      terms.push_back({name, "=", equal(name), ""});
    }
    const uint64_t named = random_.Below(schema.sort.size() + 1);
    for (uint64_t i = 0; i < named; ++i) {
      const std::string& name = schema.sort[i];
      terms.push_back({name, "=", equal(name), ""});
    }
    if (named == 0 || OneIn(4)) return terms;
    static const std::vector<std::string> kOperators = {
        "<", "<=", ">", ">=", "BETWEEN", "begins_with"};
    Term& last = terms.back();
    last.op = kOperators[random_.Below(TypeOf(last.name) == 'n' ? 5 : 6)];
    last.value = value(last.name);
    if (last.op == "BETWEEN") {
      last.upper = value(last.name);
      if (Compare(TypeOf(last.name), last.value, last.upper) > 0) {
        std::swap(last.value, last.upper);
      }
    }
    return terms;
  }

  void Speak(const std::vector<Term>& terms, v1::QueryRequest* request) {
    std::vector<std::string> parts;
    auto& values = *request->mutable_expression_attribute_values();
    for (const Term& term : terms) {
      const std::string low = absl::StrCat(":", term.name);
      SetValue(term.name, term.value, &values[low]);
      if (term.op == "BETWEEN") {
        SetValue(term.name, term.upper, &values[absl::StrCat(low, "_upper")]);
        parts.push_back(
            absl::StrCat(term.name, " BETWEEN ", low, " AND ", low, "_upper"));
      } else if (term.op == "begins_with") {
        parts.push_back(
            absl::StrCat("begins_with(", term.name, ", ", low, ")"));
      } else {
        parts.push_back(absl::StrCat(term.name, " ", term.op, " ", low));
      }
    }
    // In any order.
    for (size_t i = parts.size(); i > 1; --i) {
      std::swap(parts[i - 1], parts[random_.Below(i)]);
    }
    request->set_key_condition_expression(absl::StrJoin(parts, " AND "));
  }

  void SpeakLegacy(const std::vector<Term>& terms, v1::QueryRequest* request) {
    static const std::map<std::string, v1::ComparisonOperator> kOperators = {
        {"=", v1::COMPARISON_OPERATOR_EQ},
        {"<", v1::COMPARISON_OPERATOR_LT},
        {"<=", v1::COMPARISON_OPERATOR_LE},
        {">", v1::COMPARISON_OPERATOR_GT},
        {">=", v1::COMPARISON_OPERATOR_GE},
        {"BETWEEN", v1::COMPARISON_OPERATOR_BETWEEN},
        {"begins_with", v1::COMPARISON_OPERATOR_BEGINS_WITH}};
    for (const Term& term : terms) {
      auto& condition = (*request->mutable_key_conditions())[term.name];
      condition.set_comparison_operator(kOperators.at(term.op));
      SetValue(term.name, term.value, condition.add_attribute_value_list());
      if (term.op == "BETWEEN") {
        SetValue(term.name, term.upper, condition.add_attribute_value_list());
      }
    }
  }

  void CheckQuery(const Schema& schema) {
    const std::vector<Term> terms = SomeTerms(schema);
    const bool forward = OneIn(2);
    v1::QueryRequest request;
    request.set_table_name("t");
    request.set_index_name("index");
    request.set_scan_index_forward(forward);
    if (OneIn(2)) request.set_limit(1 + static_cast<int>(random_.Below(5)));
    OneIn(3) ? SpeakLegacy(terms, &request) : Speak(terms, &request);

    std::vector<std::string> expected;
    for (const Row& row : rows_) {
      if (std::all_of(terms.begin(), terms.end(),
                      [&](const Term& term) { return term.Holds(row); })) {
        expected.push_back(Expected(schema, row));
      }
    }
    std::vector<std::string> found;
    while (true) {
      const auto page = Call<v1::QueryResponse>("Query", request);
      for (const v1::Item& item : page.items()) found.push_back(TextOf(item));
      if (!page.has_last_evaluated_key()) break;
      *request.mutable_exclusive_start_key() = page.last_evaluated_key();
    }
    found_ += found.size();
    // Among equals any order is right.
    std::vector<int> ranks;
    for (const std::string& line : found) ranks.push_back(rank_[line]);
    if (!forward) std::reverse(ranks.begin(), ranks.end());
    ASSERT_TRUE(std::is_sorted(ranks.begin(), ranks.end()))
        << absl::StrJoin(found, "\n") << request.ShortDebugString();
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found, expected) << request.ShortDebugString();
  }

  void CheckScan(const Schema& schema) {
    v1::ScanRequest request;
    request.set_table_name("t");
    request.set_index_name("index");
    request.set_limit(1 + static_cast<int>(random_.Below(20)));
    const int segments = 1 + static_cast<int>(random_.Below(3));
    request.set_total_segments(segments);
    std::vector<std::string> found, expected;
    for (int segment = 0; segment < segments; ++segment) {
      request.set_segment(segment);
      request.clear_exclusive_start_key();
      while (true) {
        const auto page = Call<v1::ScanResponse>("Scan", request);
        for (const v1::Item& item : page.items()) found.push_back(TextOf(item));
        if (!page.has_last_evaluated_key()) break;
        *request.mutable_exclusive_start_key() = page.last_evaluated_key();
      }
    }
    for (const Row& row : rows_) expected.push_back(Expected(schema, row));
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found, expected);
  }

  testing::TemporaryDirectory directory_;
  Random random_;
  std::unique_ptr<Logger> logger_ = Logger::OnStandardError(LogFormat::kText);
  Executor read_pool_{{.name = "read", .threads = 1, .queue_limit = 8}};
  Executor control_{{.name = "control", .threads = 1, .queue_limit = 8}};
  std::unique_ptr<cluster::PartitionHost> host_;
  OperationRegistry operations_;
  std::vector<Row> rows_;            // that are in the index, in its order
  std::map<std::string, int> rank_;  // of each of them; equals share one
  size_t found_ = 0;
};

TEST_F(GlobalIndexReadPropertyTest, IndexesAndAPlainListAgree) {
  const int schemas = testing::TestRounds(1) * 12;
  for (int i = 0; i < schemas && !HasFatalFailure(); ++i) {
    const Schema schema = SomeSchema();
    CreateTable(schema);
    Fill(schema);
    for (int query = 0; query < 50 && !HasFatalFailure(); ++query) {
      CheckQuery(schema);
    }
    if (!HasFatalFailure()) CheckScan(schema);
    const auto any = [](const storage::v1::TableRecord&) {
      return absl::OkStatus();
    };
    CHECK_OK(host_->DeleteTable("t", any).status());
  }
  // Most queries find something.
  EXPECT_GT(found_, static_cast<size_t>(schemas) * 50);
}

}  // namespace
}  // namespace pallet::service
