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
    for (const OldKeys& change : row.changes) {
      if (change.keys.empty()) continue;
      const std::optional<Place> old = PlaceOf(row.row_key, change.keys);
      if (!old.has_value() || change.seq <= plans_[old->target].cursor) {
        continue;
      }
      Delete(old->target, old->entry_key, now);
    }
    ForgetEarly(row, now);
    if (!now.has_value()) return;
    TargetPlan& plan = plans_[now->target];
    if (!plan.takes_part || row.changes.back().seq <= plan.cursor) return;
    if (row.now->seq > through) {
      plan.early_after.emplace_back(row.row_key, now->entry_key);
    }
    Put(*row.now, now->entry_key, &plan);
  }

  bool PlanRead(const std::string& row_key, const RowNow& row) {
    const std::optional<Place> now = PlaceOf(row_key, row.item);
    if (!now.has_value()) return false;
    TargetPlan& plan = plans_[now->target];
    if (!plan.takes_part) return true;
    if (row.seq > plan.cursor) {
      plan.early_after.emplace_back(row_key, now->entry_key);
    }
    Put(row, now->entry_key, &plan);
    return true;
  }

 private:
  std::optional<Place> PlaceOf(absl::string_view row_key,
                               absl::string_view item) const {
    const std::optional<model::IndexKey> key =
        index_.schema->KeyOf(model::ItemView(item));
    if (!key.has_value()) return std::nullopt;
    Place place;
    place.entry_key =
        storage::GlobalEntryKey(index_.keyspace, *key, row_key, hash_seed_);
    place.target = index_.TargetOf(storage::HashOfRowKey(place.entry_key));
    return place;
  }

  // What was put early is known by its row, in whichever target: it is either
  // what the row has now, or goes.
  void ForgetEarly(const ChangedRow& row, const std::optional<Place>& now) {
    for (size_t target = 0; target < plans_.size(); ++target) {
      TargetPlan& plan = plans_[target];
      if (!plan.takes_part || row.changes.back().seq <= plan.cursor) continue;
      const auto early = plan.early->find(row.row_key);
      if (early == plan.early->end()) continue;
      Delete(target, early->second, now);
      plan.early_after.emplace_back(row.row_key, std::string());
    }
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

void Remember(TargetPlan& plan, EarlyEntries* early) {
  for (auto& [row_key, entry_key] : plan.early_after) {
    if (entry_key.empty()) {
      early->erase(row_key);
    } else {
      (*early)[row_key] = std::move(entry_key);
    }
  }
  plan.early_after.clear();
}

void PlanChanges(const IndexTopology& index, uint64_t hash_seed,
                 const Changes& changes, absl::Span<TargetPlan> plans) {
  Planner planner(index, hash_seed, plans);
  for (const ChangedRow& row : changes.rows) {
    planner.PlanChanged(row, changes.through);
  }
}

bool PlanRow(const IndexTopology& index, uint64_t hash_seed,
             const std::string& row_key, const RowNow& row,
             absl::Span<TargetPlan> plans) {
  return Planner(index, hash_seed, plans).PlanRead(row_key, row);
}

}  // namespace pallet::gsi
