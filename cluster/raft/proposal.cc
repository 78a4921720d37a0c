// SPDX-License-Identifier: Apache-2.0
#include "cluster/raft/proposal.h"

#include "base/bytes.h"

namespace pallet::cluster {
namespace {

constexpr uint8_t kFormat = 1;

}  // namespace

std::string EncodeProposal(const Proposal& proposal) {
  std::string out;
  out.reserve(25 + proposal.effects.size());
  AppendU8(&out, kFormat);
  AppendU64(&out, proposal.proposer);
  AppendU64(&out, proposal.number);
  AppendU64(&out, proposal.term);
  out.append(proposal.effects.data(), proposal.effects.size());
  return out;
}

bool DecodeProposal(absl::string_view bytes, Proposal* proposal) {
  uint8_t format = 0;
  if (!ConsumeU8(&bytes, &format) || format != kFormat ||
      !ConsumeU64(&bytes, &proposal->proposer) ||
      !ConsumeU64(&bytes, &proposal->number) ||
      !ConsumeU64(&bytes, &proposal->term)) {
    return false;
  }
  proposal->effects = bytes;
  return true;
}

}  // namespace pallet::cluster
