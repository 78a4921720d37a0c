// SPDX-License-Identifier: Apache-2.0
//
// AppendHistory: whether recorded transactions over lists can have happened one
// after the other, in an order that keeps what was over before another began
// (strict serializability).
//
// Transactions append their own number to lists and read whole lists. As nothing
// is ever taken away, a list tells the order of its writers, and a read tells
// which writes it saw; the transactions then depend on each other:
//
//   ww   the writer of an element before that of the next one
//   wr   a writer before the one who has seen its element last
//   rw   one who has not seen an element before its writer
//   rt   one that was answered before another began
//
// A cycle is an order that cannot be (A. Adya, Weak Consistency, 1999; K. Kingsbury,
// P. Alvaro, Elle, VLDB 2020). Lost updates, write skew, fractured and dirty reads
// are all cycles or elements that ought not to be there. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pallet::testing {

class AppendHistory {
 public:
  using List = std::vector<uint64_t>;

  enum class Fate {
    kDone,     // was answered
    kRefused,  // was answered: it did nothing
    kUnknown,  // never answered
  };

  struct Transaction {
    uint64_t id = 0;
    // Of what was seen of all transactions; `ended` counts if it was answered.
    uint64_t began = 0;
    uint64_t ended = 0;
    Fate fate = Fate::kUnknown;
    std::map<int, List> reads = {};      // by list
    std::map<int, size_t> lengths = {};  // of lists that it found so long
    std::vector<int> appends = {};       // to these lists
  };

  void Add(Transaction transaction) {
    transactions_.push_back(std::move(transaction));
  }

  // What is wrong, given what the lists are at last; empty: nothing.
  std::string Check(const std::map<int, List>& lists) const;

 private:
  std::vector<Transaction> transactions_;
};

}  // namespace pallet::testing
