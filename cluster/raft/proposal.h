// SPDX-License-Identifier: Apache-2.0
//
// What a leader puts around the effects it proposes.
//
//   proposal := format u8 = 1 | proposer u64 | number u64 | term u64 | effects
//
// (big endian). The proposer is the incarnation of a node; it knows by the
// number which of its proposals was applied. The term is the one the effects
// were evaluated in: an entry of another term is skipped, on every replica
// alike. In logs since format 1. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace pallet::cluster {

struct Proposal {
  uint64_t proposer = 0;
  uint64_t number = 0;
  uint64_t term = 0;
  absl::string_view effects = {};  // borrowed
};

std::string EncodeProposal(const Proposal& proposal);

// False if it is none.
[[nodiscard]] bool DecodeProposal(absl::string_view bytes, Proposal* proposal);

}  // namespace pallet::cluster
