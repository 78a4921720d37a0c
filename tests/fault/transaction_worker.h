// SPDX-License-Identifier: Apache-2.0
//
// TransactionWorker: reads and appends to a few lists in transactions and plain
// writes, and notes in a journal when each began and what it was answered
// (transaction_node.h). Several of them, each on a thread of its own.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "model/errors.h"
#include "pallet/v1/item.pb.h"
#include "tests/fault/transaction_node.h"

namespace pallet::testing {

class TransactionWorker {
 public:
  // `next_id` is shared by all workers of a round; `journal` is a file that is
  // appended to.
  TransactionWorker(TransactionNode* node, std::atomic<uint64_t>* next_id,
                    int journal, int round, uint64_t seed)
      : node_(node),
        next_id_(next_id),
        journal_(journal),
        round_(round),
        tag_(seed),
        random_(seed) {}

  void Step() {
    switch (random_.Below(5)) {
      case 0:
        Read(SomeLists(1, 4));
        return;
      case 1:
        AppendIfUnchanged();
        return;
      case 2:
        AppendAlone();
        return;
      default:
        Append(SomeLists(1, 4), {});
    }
  }

 private:
  using Lengths = std::map<int, size_t>;

  std::vector<int> SomeLists(uint64_t fewest, uint64_t most) {
    std::set<int> lists;
    const uint64_t count = random_.Between(fewest, most);
    while (lists.size() < count) {
      lists.insert(static_cast<int>(random_.Below(kLists)));
    }
    return {lists.begin(), lists.end()};
  }

  // The lengths of what was read; empty if it was refused.
  Lengths Read(const std::vector<int>& lists) {
    v1::TransactGetItemsRequest request;
    for (const int list : lists) {
      v1::Get* get = request.add_transact_items()->mutable_get();
      get->set_table_name(kListTable);
      (*get->mutable_key()->mutable_attributes())["pk"].set_s(
          ListKey(round_, list));
    }
    const uint64_t id = (*next_id_)++;
    Note(absl::StrCat("B ", id));
    const auto response =
        node_->Call<v1::TransactGetItemsResponse>("TransactGetItems", request);
    if (!response.ok()) {
      Answered(id, response.status());
      return {};
    }
    Lengths lengths;
    std::string line = absl::StrCat("V ", id);
    for (size_t i = 0; i < lists.size(); ++i) {
      const auto& attributes =
          response->responses(static_cast<int>(i)).item().attributes();
      const auto found = attributes.find("l");
      std::vector<std::string> elements;
      if (found != attributes.end()) {
        for (const auto& value : found->second.l().values()) {
          elements.push_back(value.n());
        }
      }
      lengths[lists[i]] = elements.size();
      absl::StrAppend(&line, " ", lists[i], "=", absl::StrJoin(elements, ","));
    }
    Note(line);
    return lengths;
  }

  // Appends to some of the lists that it has read, if all are as they were.
  void AppendIfUnchanged() {
    const Lengths lengths = Read(SomeLists(2, 3));
    if (lengths.empty()) return;
    std::vector<int> appends;
    for (const auto& [list, length] : lengths) {
      if (appends.empty() || random_.OneIn(2)) appends.push_back(list);
    }
    Append(appends, lengths);
  }

  template <typename Action>
  void SetKey(Action* action, int list) {
    action->set_table_name(kListTable);
    (*action->mutable_key()->mutable_attributes())["pk"].set_s(
        ListKey(round_, list));
  }

  // That the list has this length.
  template <typename Action>
  static void SetCondition(size_t length, Action* action) {
    if (length == 0) {
      action->set_condition_expression("attribute_not_exists(l)");
      return;
    }
    action->set_condition_expression("size(l) = :length");
    (*action->mutable_expression_attribute_values())[":length"].set_n(
        absl::StrCat(length));
  }

  template <typename Update>
  static void SetUpdate(uint64_t id, Update* update) {
    update->set_update_expression(
        "SET l = list_append(if_not_exists(l, :none), :me)");
    auto& values = *update->mutable_expression_attribute_values();
    values[":none"].mutable_l();
    values[":me"].mutable_l()->add_values()->set_n(absl::StrCat(id));
  }

  void Append(const std::vector<int>& appends, const Lengths& lengths) {
    const uint64_t id = (*next_id_)++;
    v1::TransactWriteItemsRequest request;
    for (const int list : appends) {
      v1::Update* update = request.add_transact_items()->mutable_update();
      SetKey(update, list);
      SetUpdate(id, update);
      const auto length = lengths.find(list);
      if (length != lengths.end()) SetCondition(length->second, update);
    }
    for (const auto& [list, length] : lengths) {
      if (std::count(appends.begin(), appends.end(), list) > 0) continue;
      v1::ConditionCheck* check =
          request.add_transact_items()->mutable_condition_check();
      SetKey(check, list);
      SetCondition(length, check);
    }
    const bool has_token = random_.OneIn(3);
    if (has_token) {
      request.set_client_request_token(absl::StrCat(tag_, "-", id));
    }
    Note(absl::StrCat("B ", id, " a ", absl::StrJoin(appends, ","), " l ",
                      absl::StrJoin(lengths, ",", absl::PairFormatter("="))));
    const absl::Status status = node_
                                    ->Call<v1::TransactWriteItemsResponse>(
                                        "TransactWriteItems", request)
                                    .status();
    Answered(id, status);
    if (!has_token || !status.ok()) return;
    // A repeat does nothing; the lists would show it.
    const absl::Status again = node_
                                   ->Call<v1::TransactWriteItemsResponse>(
                                       "TransactWriteItems", request)
                                   .status();
    CHECK(again.ok()) << again;
  }

  // A plain write, of one list.
  void AppendAlone() {
    const uint64_t id = (*next_id_)++;
    const int list = static_cast<int>(random_.Below(kLists));
    v1::UpdateItemRequest request;
    SetKey(&request, list);
    SetUpdate(id, &request);
    if (random_.OneIn(2)) {
      request.set_client_request_token(absl::StrCat(tag_, "-", id));
    }
    Note(absl::StrCat("B ", id, " a ", list, " l "));
    const absl::Status status =
        node_->Call<v1::UpdateItemResponse>("UpdateItem", request).status();
    Answered(id, status);
    if (!request.has_client_request_token() || !status.ok()) return;
    const absl::Status again =
        node_->Call<v1::UpdateItemResponse>("UpdateItem", request).status();
    CHECK(again.ok()) << again;
  }

  void Answered(uint64_t id, const absl::Status& status) {
    if (status.ok()) return Note(absl::StrCat("D ", id));
    const model::Reason reason = model::ReasonOf(status);
    const bool refused = reason == model::Reason::kTransactionCanceled ||
                         reason == model::Reason::kTransactionConflict ||
                         reason == model::Reason::kThrottling;
    CHECK(refused || reason == model::Reason::kOutcomeUnknown) << status;
    Note(absl::StrCat(refused ? "R " : "U ", id));
  }

  // One append, so that a kill leaves whole lines.
  void Note(const std::string& line) {
    const std::string whole = line + "\n";
    CHECK(write(journal_, whole.data(), whole.size()) ==
          static_cast<ssize_t>(whole.size()));
  }

  TransactionNode* const node_;
  std::atomic<uint64_t>* const next_id_;
  const int journal_;
  const int round_;
  const uint64_t tag_;  // no other worker has it
  Random random_;
};

}  // namespace pallet::testing
