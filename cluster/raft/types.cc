// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/types.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace pallet::cluster {
namespace {

bool IsIn(const std::vector<ReplicaId>& replicas, ReplicaId replica) {
  return std::find(replicas.begin(), replicas.end(), replica) != replicas.end();
}

void AppendText(const char* name, const std::vector<ReplicaId>& replicas,
                std::string* text) {
  if (replicas.empty()) return;
  absl::StrAppend(text, text->empty() ? "" : " ", name);
  for (const ReplicaId replica : replicas) {
    absl::StrAppend(text, " ", replica.value());
  }
}

}  // namespace

bool Members::IsVoter(ReplicaId replica) const { return IsIn(voters, replica); }

bool Members::Has(ReplicaId replica) const {
  return IsIn(voters, replica) || IsIn(learners, replica) ||
         IsIn(outgoing, replica) || IsIn(learners_next, replica);
}

std::string ToText(const Members& members) {
  std::string text;
  AppendText("voters", members.voters, &text);
  AppendText("learners", members.learners, &text);
  AppendText("outgoing", members.outgoing, &text);
  AppendText("learners_next", members.learners_next, &text);
  return text;
}

ReplicaStart FoundingStart(ReplicaId replica, std::vector<ReplicaId> voters) {
  ReplicaStart start;
  start.replica = replica;
  start.compacted = 1;
  start.compacted_term = 1;
  start.applied = 1;
  start.hard = {.term = 1, .vote = {}, .commit = 1};
  start.members.voters = std::move(voters);
  return start;
}

}  // namespace pallet::cluster
