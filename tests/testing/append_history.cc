// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/append_history.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pallet::testing {
namespace {

using List = AppendHistory::List;
using Transaction = AppendHistory::Transaction;
using Fate = AppendHistory::Fate;

struct Edge {
  size_t to = 0;
  const char* why = "";
};

class Checker {
 public:
  Checker(const std::vector<Transaction>& transactions,
          const std::map<int, List>& lists)
      : transactions_(transactions), lists_(lists) {
    for (size_t i = 0; i < transactions.size(); ++i) {
      by_id_[transactions[i].id] = i;
    }
    edges_.resize(transactions.size());
  }

  std::string Run() {
    std::string wrong = CheckElements();
    if (wrong.empty()) wrong = CheckFates();
    if (wrong.empty()) wrong = CheckReads();
    if (!wrong.empty()) return wrong;
    AddListEdges();
    AddTimeEdges();
    return FindCycle();
  }

 private:
  // Each element once, and of a transaction that may have put it there.
  std::string CheckElements() const {
    for (const auto& [key, list] : lists_) {
      std::set<uint64_t> seen;
      for (const uint64_t id : list) {
        if (!seen.insert(id).second) {
          return absl::StrCat("list ", key, " has ", id, " twice");
        }
        const auto found = by_id_.find(id);
        if (found == by_id_.end()) {
          return absl::StrCat("list ", key, " has ", id, ", which is nobody's");
        }
        const Transaction& writer = transactions_[found->second];
        if (std::find(writer.appends.begin(), writer.appends.end(), key) ==
            writer.appends.end()) {
          return absl::StrCat("list ", key, " has ", id,
                              ", which has not appended to it");
        }
      }
    }
    return "";
  }

  size_t AppearancesOf(const Transaction& transaction) const {
    size_t count = 0;
    for (const int key : transaction.appends) {
      const auto list = lists_.find(key);
      if (list == lists_.end()) continue;
      count +=
          std::count(list->second.begin(), list->second.end(), transaction.id);
    }
    return count;
  }

  // All of it or nothing, as it was answered.
  std::string CheckFates() const {
    for (const Transaction& transaction : transactions_) {
      const size_t there = AppearancesOf(transaction);
      const size_t all = transaction.appends.size();
      if (there != 0 && there != all) {
        return absl::StrCat("transaction ", transaction.id, " is in ", there,
                            " of ", all, " lists");
      }
      if (transaction.fate == Fate::kDone && there != all) {
        return absl::StrCat("transaction ", transaction.id, " is lost");
      }
      if (transaction.fate == Fate::kRefused && there != 0) {
        return absl::StrCat("transaction ", transaction.id,
                            " was refused and is there");
      }
    }
    return "";
  }

  const List& ListOf(int key) const {
    static const List* const none = new List();
    const auto found = lists_.find(key);
    return found == lists_.end() ? *none : found->second;
  }

  // What was read is the beginning of what the list became.
  std::string CheckReads() const {
    for (const Transaction& transaction : transactions_) {
      for (const auto& [key, read] : transaction.reads) {
        const List& list = ListOf(key);
        if (read.size() > list.size() ||
            !std::equal(read.begin(), read.end(), list.begin())) {
          return absl::StrCat("transaction ", transaction.id,
                              " has read of list ", key, " what it never was");
        }
      }
      if (AppearancesOf(transaction) == 0) continue;
      for (const auto& [key, length] : transaction.lengths) {
        if (length > ListOf(key).size()) {
          return absl::StrCat("transaction ", transaction.id, " found list ",
                              key, " longer than it ever was");
        }
      }
    }
    return "";
  }

  void AddEdge(size_t from, size_t to, const char* why) {
    if (from != to) edges_[from].push_back({to, why});
  }

  void AddReader(size_t reader, int key, size_t length) {
    const List& list = ListOf(key);
    if (length > 0) AddEdge(by_id_.at(list[length - 1]), reader, "wr");
    if (length < list.size()) AddEdge(reader, by_id_.at(list[length]), "rw");
  }

  void AddListEdges() {
    for (const auto& [key, list] : lists_) {
      for (size_t i = 1; i < list.size(); ++i) {
        AddEdge(by_id_.at(list[i - 1]), by_id_.at(list[i]), "ww");
      }
    }
    for (size_t i = 0; i < transactions_.size(); ++i) {
      for (const auto& [key, read] : transactions_[i].reads) {
        AddReader(i, key, read.size());
      }
      if (AppearancesOf(transactions_[i]) == 0) continue;
      for (const auto& [key, length] : transactions_[i].lengths) {
        AddReader(i, key, length);
      }
    }
  }

  // A chain of moments, one for each answer, so that the edges stay few: who was
  // answered leads to its moment, and the last moment before somebody began to
  // him.
  void AddTimeEdges() {
    std::vector<std::pair<uint64_t, size_t>> answers;
    for (size_t i = 0; i < transactions_.size(); ++i) {
      if (transactions_[i].fate == Fate::kDone) {
        answers.emplace_back(transactions_[i].ended, i);
      }
    }
    std::sort(answers.begin(), answers.end());
    const size_t first = edges_.size();
    edges_.resize(first + answers.size());
    for (size_t i = 0; i < answers.size(); ++i) {
      edges_[answers[i].second].push_back({first + i, "rt"});
      if (i > 0) edges_[first + i - 1].push_back({first + i, "rt"});
    }
    for (size_t i = 0; i < transactions_.size(); ++i) {
      const auto after = std::lower_bound(
          answers.begin(), answers.end(),
          std::pair<uint64_t, size_t>(transactions_[i].began, 0));
      if (after == answers.begin()) continue;
      const auto moment = static_cast<size_t>(after - answers.begin()) - 1;
      edges_[first + moment].push_back({i, "rt"});
    }
  }

  // Depth first, without recursion.
  std::string FindCycle() const {
    enum class Colour { kNew, kOpen, kDone };
    std::vector<Colour> colours(edges_.size(), Colour::kNew);
    struct Step {
      size_t node = 0;
      size_t next = 0;  // of its edges
    };
    for (size_t root = 0; root < edges_.size(); ++root) {
      if (colours[root] != Colour::kNew) continue;
      std::vector<Step> path = {{root, 0}};
      colours[root] = Colour::kOpen;
      while (!path.empty()) {
        Step& step = path.back();
        if (step.next == edges_[step.node].size()) {
          colours[step.node] = Colour::kDone;
          path.pop_back();
          continue;
        }
        const size_t to = edges_[step.node][step.next++].to;
        if (colours[to] == Colour::kDone) continue;
        if (colours[to] == Colour::kOpen) {
          std::string cycle = "a cycle:";
          bool inside = false;
          for (const Step& each : path) {
            inside = inside || each.node == to;
            if (inside) Tell(each.node, each.next - 1, &cycle);
          }
          return cycle;
        }
        colours[to] = Colour::kOpen;
        path.push_back({to, 0});
      }
    }
    return "";
  }

  void Tell(size_t node, size_t edge, std::string* out) const {
    if (node < transactions_.size()) {
      absl::StrAppend(out, " ", transactions_[node].id);
    }
    absl::StrAppend(out, " -", edges_[node][edge].why, "->");
  }

  const std::vector<Transaction>& transactions_;
  const std::map<int, List>& lists_;
  std::map<uint64_t, size_t> by_id_;
  // Of the transactions, then of the moments.
  std::vector<std::vector<Edge>> edges_;
};

}  // namespace

std::string AppendHistory::Check(const std::map<int, List>& lists) const {
  return Checker(transactions_, lists).Run();
}

}  // namespace pallet::testing
