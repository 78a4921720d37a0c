// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/linearizability.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet::testing {

int64_t History::Call() {
  absl::MutexLock lock(&mutex_);
  return ++now_;
}

void History::Answer(int64_t call, std::string text,
                     HistoryOperation::Step step) {
  absl::MutexLock lock(&mutex_);
  operations_.push_back({call, ++now_, std::move(text), std::move(step)});
}

void History::Lost(int64_t call, std::string text,
                   HistoryOperation::Step step) {
  absl::MutexLock lock(&mutex_);
  HistoryOperation operation;
  operation.called = call;
  operation.text = std::move(text);
  operation.step = std::move(step);
  operations_.push_back(std::move(operation));
}

std::vector<HistoryOperation> History::Take() {
  absl::MutexLock lock(&mutex_);
  return std::move(operations_);
}

namespace {

// Calls and answers in the order of time, as a list from which the search takes
// an operation when it has found a place for it, and into which it puts it back
// when that led nowhere.
class Search {
 public:
  Search(const std::string& initial_state,
         std::vector<HistoryOperation> operations)
      : operations_(std::move(operations)),
        state_(initial_state),
        placed_((operations_.size() + 63) / 64) {
    std::vector<std::pair<int64_t, Event>> events;
    for (size_t i = 0; i < operations_.size(); ++i) {
      CHECK(operations_[i].called < operations_[i].answered);
      events.push_back({operations_[i].called, {i, true}});
      events.push_back({operations_[i].answered, {i, false}});
    }
    std::stable_sort(
        events.begin(), events.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    // Index 0 is the head, behind the last is the end.
    events_.push_back({});
    for (const auto& [time, event] : events) events_.push_back(event);
    call_at_.resize(operations_.size());
    answer_at_.resize(operations_.size());
    for (size_t at = 0; at < events_.size(); ++at) {
      next_.push_back(at + 1);
      previous_.push_back(at == 0 ? 0 : at - 1);
      if (at == 0) continue;
      (events_[at].is_call ? call_at_ : answer_at_)[events_[at].operation] = at;
    }
    previous_.push_back(events_.size() - 1);  // of the end
  }

  std::string Run() {
    size_t at = next_[0];
    while (next_[0] < events_.size()) {
      if (events_[at].is_call) {
        at = Place(events_[at].operation) ? next_[0] : next_[at];
        continue;
      }
      // Nothing explains this answer as things were placed.
      furthest_ = std::max(furthest_, at);
      if (stack_.empty()) return Explain();
      at = next_[TakeBack()];
    }
    return "";
  }

 private:
  struct Event {
    size_t operation = 0;
    bool is_call = false;
  };

  bool Place(size_t operation) {
    std::optional<std::string> after = operations_[operation].step(state_);
    if (!after.has_value()) return false;
    std::vector<uint64_t> placed = placed_;
    placed[operation / 64] |= uint64_t{1} << (operation % 64);
    if (!tried_.emplace(placed, *after).second) return false;
    placed_ = std::move(placed);
    stack_.push_back({operation, std::move(state_)});
    state_ = *std::move(after);
    Unlink(call_at_[operation]);
    Unlink(answer_at_[operation]);
    return true;
  }

  // Returns the place of the call.
  size_t TakeBack() {
    const size_t operation = stack_.back().first;
    state_ = std::move(stack_.back().second);
    stack_.pop_back();
    placed_[operation / 64] &= ~(uint64_t{1} << (operation % 64));
    Relink(answer_at_[operation]);
    Relink(call_at_[operation]);
    return call_at_[operation];
  }

  void Unlink(size_t at) {
    next_[previous_[at]] = next_[at];
    previous_[next_[at]] = previous_[at];
  }
  // In the opposite order of Unlink.
  void Relink(size_t at) {
    next_[previous_[at]] = at;
    previous_[next_[at]] = at;
  }

  std::string Explain() const {
    constexpr size_t kAround = 24;
    std::string text = "nothing explains the last of these answers:\n";
    const size_t begin = furthest_ > kAround ? furthest_ - kAround : 1;
    for (size_t at = begin; at <= furthest_; ++at) {
      absl::StrAppend(&text, events_[at].is_call ? "call   #" : "answer #",
                      events_[at].operation, " ",
                      operations_[events_[at].operation].text, "\n");
    }
    return text;
  }

  const std::vector<HistoryOperation> operations_;
  std::vector<Event> events_;
  std::vector<size_t> next_, previous_;      // of each event
  std::vector<size_t> call_at_, answer_at_;  // of each operation

  std::string state_;
  std::vector<uint64_t> placed_;  // a bit for each operation
  std::vector<std::pair<size_t, std::string>> stack_;  // and the state before
  absl::flat_hash_set<std::pair<std::vector<uint64_t>, std::string>> tried_;
  size_t furthest_ = 0;
};

}  // namespace

std::string FindViolation(const std::string& initial_state,
                          std::vector<HistoryOperation> operations) {
  return Search(initial_state, std::move(operations)).Run();
}

}  // namespace pallet::testing
