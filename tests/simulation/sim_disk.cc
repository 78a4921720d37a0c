// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace pallet::simulation {

std::string State::Text() const {
  std::string text = absl::StrCat("seq ", change_seq);
  for (const auto& [key, value] : rows) {
    absl::StrAppend(&text, " ", key, "=", value);
  }
  return text;
}

uint64_t SimDisk::Append(PartitionId partition, DiskRecord record) {
  record.number = ++appended_;
  groups_.at(partition).log.push_back(std::move(record));
  return appended_;
}

void SimDisk::Synced(uint64_t number) { synced_ = std::max(synced_, number); }

void SimDisk::Crash(Random* random) {
  const uint64_t kept = random->Between(synced_, appended_);
  for (auto& [partition, group] : groups_) {
    while (!group.log.empty() && group.log.back().number > kept) {
      group.log.pop_back();
    }
  }
  appended_ = synced_ = kept;
}

Recovered SimDisk::Recover(PartitionId partition) const {
  const DiskGroup& group = groups_.at(partition);
  Recovered result;
  ReplicaStart& start = result.start;
  State& state = result.state;
  start = group.birth;
  state.applied = start.applied;
  state.members = start.members;
  for (const DiskRecord& record : group.log) {
    if (record.installed) {
      start.compacted = record.installed->index;
      start.compacted_term = record.installed->term;
      start.entries.clear();
      state = record.staged;
    }
    for (const RaftEntry& entry : record.entries) {
      while (!start.entries.empty() &&
             start.entries.back().index >= entry.index) {
        start.entries.pop_back();
      }
      start.entries.push_back(entry);
    }
    if (record.hard) start.hard = *record.hard;
  }
  if (group.checkpoint && group.checkpoint->applied >= state.applied) {
    state = *group.checkpoint;
  }
  while (!start.entries.empty() &&
         start.entries.front().index <= group.compacted) {
    start.compacted = start.entries.front().index;
    start.compacted_term = start.entries.front().term;
    start.entries.erase(start.entries.begin());
  }
  start.applied = state.applied;
  start.members = state.members;
  start.hard.commit = std::max(start.hard.commit, state.applied);
  return result;
}

}  // namespace pallet::simulation
