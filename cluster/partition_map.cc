// SPDX-License-Identifier: Apache-2.0
#include "cluster/partition_map.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace pallet::cluster {

using storage::HashRange;

namespace {

const TablePartition& PartitionOfHash(
    const std::vector<TablePartition>& partitions, uint64_t hash) {
  const auto after = std::upper_bound(
      partitions.begin(), partitions.end(), hash,
      [](uint64_t h, const TablePartition& p) { return h < p.range.first; });
  CHECK(after != partitions.begin()) << "a gap between partitions";
  return *std::prev(after);
}

}  // namespace

const TablePartition& GlobalIndex::PartitionOf(uint64_t hash) const {
  return PartitionOfHash(partitions, hash);
}

const TablePartition& Table::PartitionOf(uint64_t hash) const {
  return PartitionOfHash(partitions, hash);
}

const GlobalIndex* Table::FindGlobalIndex(absl::string_view index) const {
  for (const GlobalIndex& each : global_indexes) {
    if (each.schema->name() == index) return &each;
  }
  return nullptr;
}

const GlobalIndex* Table::FindGlobalIndex(IndexId index) const {
  for (const GlobalIndex& each : global_indexes) {
    if (each.id == index) return &each;
  }
  return nullptr;
}

const model::LocalIndex* Table::FindLocalIndex(absl::string_view index) const {
  for (const model::LocalIndex& each : local_indexes) {
    if (each.name() == index) return &each;
  }
  return nullptr;
}

storage::KeyspaceId Table::KeyspaceOfLocalIndex(size_t number) const {
  CHECK_LT(number, local_indexes.size());
  return storage::KeyspaceId(keyspace.value() + 1 +
                             static_cast<uint32_t>(number));
}

const TableStream* Table::FindStreamAt(uint64_t version) const {
  for (const TableStream& each : streams) {
    if (each.id <= version && version < each.closed_version) return &each;
  }
  return nullptr;
}

PartitionMap::PartitionMap(std::vector<TablePtr> tables, uint64_t version,
                           std::vector<TablePtr> gone)
    : tables_(std::move(tables)), gone_(std::move(gone)), version_(version) {
  std::sort(
      tables_.begin(), tables_.end(),
      [](const TablePtr& a, const TablePtr& b) { return a->name < b->name; });
  by_name_.reserve(tables_.size());
  for (size_t i = 0; i < tables_.size(); ++i) {
    CHECK(by_name_.emplace(tables_[i]->name, i).second) << tables_[i]->name;
  }
}

TablePtr PartitionMap::Find(absl::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : tables_[at->second];
}

std::shared_ptr<const PartitionMap> PartitionMap::With(absl::string_view name,
                                                       TablePtr table) const {
  std::vector<TablePtr> tables;
  tables.reserve(tables_.size() + 1);
  for (const TablePtr& old : tables_) {
    if (old->name != name) tables.push_back(old);
  }
  if (table != nullptr) tables.push_back(std::move(table));
  return std::make_shared<PartitionMap>(std::move(tables), version_ + 1, gone_);
}

std::shared_ptr<const PartitionMap> PartitionMap::WithGone(
    absl::string_view name, TablePtr gone) const {
  std::vector<TablePtr> tables;
  for (const TablePtr& old : tables_) {
    if (old->name != name) tables.push_back(old);
  }
  std::vector<TablePtr> all_gone = gone_;
  if (gone != nullptr) all_gone.push_back(std::move(gone));
  return std::make_shared<PartitionMap>(std::move(tables), version_ + 1,
                                        std::move(all_gone));
}

std::shared_ptr<const PartitionMap> PartitionMap::WithoutGone(
    TableId id) const {
  std::vector<TablePtr> gone;
  for (const TablePtr& each : gone_) {
    if (each->id != id) gone.push_back(each);
  }
  return std::make_shared<PartitionMap>(tables_, version_ + 1, std::move(gone));
}

std::vector<HashRange> EvenRanges(uint32_t count) {
  CHECK_GT(count, 0u);
  const auto boundary = [count](uint32_t i) -> uint64_t {
    return (static_cast<unsigned __int128>(i) << 64) / count;
  };
  std::vector<HashRange> ranges;
  for (uint32_t i = 0; i < count; ++i) {
    // The last boundary is 2^64, whose predecessor is the last hash.
    ranges.push_back({boundary(i), boundary(i + 1) - 1});
  }
  return ranges;
}

}  // namespace pallet::cluster
