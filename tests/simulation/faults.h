// SPDX-License-Identifier: Apache-2.0
//
// Rules to be broken on purpose, each alone: a simulation that does not notice
// is worth nothing. Most break what stands around the loop, or feed it wrong
// settings; the loop itself has no switches.
#pragma once

namespace pallet::simulation {

struct Faults {
  // The disk says "synced" at once and syncs later: messages leave early.
  bool messages_before_sync = false;
  // Term and vote are not written.
  bool hard_state_forgotten = false;
  // A leader reads before the first entry of its term is applied.
  bool reads_before_first_entry = false;
  // The lease is looked at, then the read transaction is opened.
  bool lease_before_read = false;
  bool lease_too_long = false;
  // A node that started votes at once.
  bool votes_after_start = false;
  // A leader tells another to take over, and keeps its lease.
  bool transfer_keeps_lease = false;
  // A wiped replica comes back under its old id.
  bool wiped_keeps_its_id = false;
  // Chunks go into the state as they come.
  bool snapshot_in_place = false;
  // A snapshot's rows are taken for settled before they are.
  bool snapshot_serves_early = false;
};

}  // namespace pallet::simulation
