// SPDX-License-Identifier: Apache-2.0
#include "gsi/entries.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/check.h"
#include "model/item_view.h"
#include "storage/key_codec.h"

namespace pallet::gsi {
namespace {

using storage::ChangeSeq;

// Where an item's entry in the index is.
struct Place {
  std::string entry_key;
  size_t target = 0;
};

std::optional<Place> PlaceIn(const IndexTopology& index, uint64_t hash_seed,
                             absl::string_view row_key,
                             absl::string_view item) {
  const std::optional<model::IndexKey> key =
      index.schema->KeyOf(model::ItemView(item));
  if (!key.has_value()) return std::nullopt;
  Place place;
  place.entry_key =
      storage::GlobalEntryKey(index.keyspace, *key, row_key, hash_seed);
  place.target = index.TargetOf(storage::HashOfRowKey(place.entry_key));
  return place;
}

class Planner {
 public:
  Planner(const IndexTopology& index, uint64_t hash_seed,
          absl::Span<TargetPlan> plans)
      : index_(index), hash_seed_(hash_seed), plans_(plans) {
    CHECK_EQ(plans.size(), index.targets.size());
  }

  void PlanChanged(const ChangedRow& row, ChangeSeq through) {
    std::optional<Place> now;
    if (row.now.has_value()) now = PlaceOf(row.row_key, row.now->item);
    deleted_.clear();
    ChangeSeq before;  // the change before this one
    for (const OldKeys& change : row.changes) {
      if (!change.keys.empty()) DeleteOld(row.row_key, change, before, now);
      before = change.seq;
    }
    const EarlyEntry* const early = ForgetEarly(row, now);
    if (!now.has_value()) return;
    TargetPlan& plan = plans_[now->target];
    if (!plan.takes_part || row.changes.back().seq <= plan.cursor) return;
    if (row.now->seq > through) {
      plan.early_after.push_back({row.row_key, {now->entry_key, row.now->seq}});
    }
    const bool has_it_already = plan.settled && early != nullptr &&
                                early->key == now->entry_key &&
                                early->seq == row.now->seq;
    if (!has_it_already) Put(*row.now, now->entry_key, &plan);
  }

 private:
  std::optional<Place> PlaceOf(absl::string_view row_key,
                               absl::string_view item) const {
    return PlaceIn(index_, hash_seed_, row_key, item);
  }

  // Deletes the entry of the keys that the row had before the change, where one
  // may be. In a settled target that is the entry of the first change behind the
  // cursor alone: those of later ones were never put, or early.
  void DeleteOld(const std::string& row_key, const OldKeys& change,
                 ChangeSeq before, const std::optional<Place>& now) {
    const auto matters = [&](const TargetPlan& plan) {
      return plan.takes_part && change.seq > plan.cursor &&
             !(plan.settled && before > plan.cursor);
    };
    if (std::none_of(plans_.begin(), plans_.end(), matters)) return;
    const std::optional<Place> old = PlaceOf(row_key, change.keys);
    if (!old.has_value() || !matters(plans_[old->target])) return;
    const TargetPlan& plan = plans_[old->target];
    if (plan.settled && plan.early->contains(row_key)) return;
    Delete(old->target, old->entry_key, now);
  }

  // What was put early is known by its row, in whichever target: it is either
  // what the row has now, or goes. Returns that of the target it is in now.
  const EarlyEntry* ForgetEarly(const ChangedRow& row,
                                const std::optional<Place>& now) {
    const EarlyEntry* of_now = nullptr;
    for (size_t target = 0; target < plans_.size(); ++target) {
      TargetPlan& plan = plans_[target];
      if (!plan.takes_part || row.changes.back().seq <= plan.cursor) continue;
      const auto early = plan.early->find(row.row_key);
      if (early == plan.early->end()) continue;
      if (now.has_value() && now->target == target) of_now = &early->second;
      Delete(target, early->second.key, now);
      plan.early_after.push_back({row.row_key, EarlyEntry()});
    }
    return of_now;
  }

  void Delete(size_t target, const std::string& entry_key,
              const std::optional<Place>& now) {
    TargetPlan& plan = plans_[target];
    if (!plan.takes_part) return;
    if (now.has_value() && now->entry_key == entry_key) return;
    if (std::find(deleted_.begin(), deleted_.end(), entry_key) !=
        deleted_.end()) {
      return;
    }
    deleted_.push_back(entry_key);
    Mutation mutation;
    mutation.row_key = entry_key;
    plan.mutations.push_back(std::move(mutation));
  }

  void Put(const RowNow& row, const std::string& entry_key, TargetPlan* plan) {
    const model::GlobalIndex::Entry entry =
        index_.schema->EntryOf(row.item, row.size, &buffer_);
    plan->mutations.push_back({entry_key, std::string(entry.bytes),
                               static_cast<uint32_t>(entry.size)});
  }

  const IndexTopology& index_;
  const uint64_t hash_seed_;
  const absl::Span<TargetPlan> plans_;
  std::vector<std::string> deleted_;  // of the row that is looked at
  std::string buffer_;
};

}  // namespace

size_t IndexTopology::TargetOf(uint64_t hash) const {
  const auto after = std::upper_bound(
      targets.begin(), targets.end(), hash,
      [](uint64_t h, const Target& target) { return h < target.range.first; });
  CHECK(after != targets.begin()) << "a gap between index partitions";
  return static_cast<size_t>(std::distance(targets.begin(), after)) - 1;
}

void Remember(EarlyAfter* after, EarlyEntries* early) {
  for (auto& [row_key, entry] : *after) {
    if (entry.key.empty()) {
      early->erase(row_key);
    } else {
      (*early)[row_key] = std::move(entry);
    }
  }
  after->clear();
}

void PlanChanges(const IndexTopology& index, uint64_t hash_seed,
                 const Changes& changes, absl::Span<TargetPlan> plans) {
  Planner planner(index, hash_seed, plans);
  for (const ChangedRow& row : changes.rows) {
    planner.PlanChanged(row, changes.through);
  }
}

std::optional<RowEntry> EntryOfRow(const IndexTopology& index,
                                   uint64_t hash_seed,
                                   absl::string_view row_key,
                                   absl::string_view item, size_t item_size,
                                   std::string* buffer) {
  std::optional<Place> place = PlaceIn(index, hash_seed, row_key, item);
  if (!place.has_value()) return std::nullopt;
  const model::GlobalIndex::Entry entry =
      index.schema->EntryOf(item, item_size, buffer);
  return RowEntry{place->target, std::move(place->entry_key), entry.bytes,
                  static_cast<uint32_t>(entry.size)};
}

}  // namespace pallet::gsi
