// SPDX-License-Identifier: Apache-2.0
//
// The journal of transaction workers, and the lists as they are at last, for
// AppendHistory.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "storage/side_rows.h"
#include "tests/fault/transaction_node.h"
#include "tests/testing/append_history.h"

namespace pallet::testing {

inline uint64_t Number(absl::string_view text) {
  uint64_t number = 0;
  CHECK(absl::SimpleAtoi(text, &number)) << std::string(text);
  return number;
}

// "3=1,4" with 3 the list.
inline std::pair<int, AppendHistory::List> ListOf(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, '=');
  std::pair<int, AppendHistory::List> list;
  list.first = static_cast<int>(Number(sides[0]));
  for (absl::string_view element :
       absl::StrSplit(sides[1], ',', absl::SkipEmpty())) {
    list.second.push_back(Number(element));
  }
  return list;
}

inline void ReadIntent(const std::vector<std::string>& words,
                       AppendHistory::Transaction* transaction) {
  for (absl::string_view list :
       absl::StrSplit(words[3], ',', absl::SkipEmpty())) {
    transaction->appends.push_back(static_cast<int>(Number(list)));
  }
  if (words.size() < 6) return;
  for (absl::string_view length :
       absl::StrSplit(words[5], ',', absl::SkipEmpty())) {
    const auto [list, number] = ListOf(length);
    transaction->lengths[list] = number.front();
  }
}

// `answered` counts what was.
inline AppendHistory ReadJournal(const std::string& journal,
                                 uint64_t* answered) {
  std::map<uint64_t, AppendHistory::Transaction> transactions;
  const auto content = ReadFile(FileSystem::Real(), journal);
  uint64_t moment = 0;
  if (content.ok()) {
    for (absl::string_view line :
         absl::StrSplit(*content, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      const uint64_t id = Number(words[1]);
      AppendHistory::Transaction& each = transactions[id];
      if (words[0] == "B") {
        each.id = id;
        each.began = ++moment;
        if (words.size() > 2) ReadIntent(words, &each);
        continue;
      }
      each.ended = ++moment;
      if (words[0] == "U") continue;
      each.fate = words[0] == "R" ? AppendHistory::Fate::kRefused
                                  : AppendHistory::Fate::kDone;
      ++*answered;
      if (words[0] != "V") continue;
      for (size_t i = 2; i < words.size(); ++i) {
        each.reads.insert(ListOf(words[i]));
      }
    }
  }
  AppendHistory history;
  for (auto& [id, each] : transactions) history.Add(std::move(each));
  return history;
}

// In one transaction.
inline std::map<int, AppendHistory::List> ListsOf(TransactionNode& node,
                                                  int round) {
  v1::TransactGetItemsRequest request;
  for (int list = 0; list < kLists; ++list) {
    v1::Get* get = request.add_transact_items()->mutable_get();
    get->set_table_name(kListTable);
    (*get->mutable_key()->mutable_attributes())["pk"].set_s(
        ListKey(round, list));
  }
  // Nothing is locked any more, so it is not refused.
  const auto response =
      node.Call<v1::TransactGetItemsResponse>("TransactGetItems", request);
  EXPECT_TRUE(response.ok()) << response.status();
  std::map<int, AppendHistory::List> lists;
  if (!response.ok()) return lists;
  for (int list = 0; list < kLists; ++list) {
    const auto& attributes = response->responses(list).item().attributes();
    const auto found = attributes.find("l");
    if (found == attributes.end()) continue;
    for (const auto& value : found->second.l().values()) {
      lists[list].push_back(Number(value.n()));
    }
  }
  return lists;
}

inline size_t LocksOf(TransactionNode& node) {
  size_t locks = 0;
  const storage::SideRange all = storage::AllLocks();
  for (uint32_t i = 0; i < node.host().store_count(); ++i) {
    const absl::Status read =
        node.host()
            .store(cluster::StoreId(i))
            .Read([&](storage::ReadTransaction& rows) -> absl::Status {
              const auto cursor = rows.Cursor(all.begin, all.end);
              RETURN_IF_ERROR(cursor->SeekAtOrAfter(all.begin));
              for (; cursor->Valid(); ++locks) RETURN_IF_ERROR(cursor->Next());
              return absl::OkStatus();
            });
    EXPECT_TRUE(read.ok()) << read;
  }
  return locks;
}

}  // namespace pallet::testing
