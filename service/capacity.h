// SPDX-License-Identifier: Apache-2.0
//
// Capacity units, as DynamoDB counts them, and their report. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "pallet/wire/v1/item_types.pb.h"

namespace pallet::service {

enum class Consistency { kEventual, kStrong };

template <typename Request>
Consistency ConsistencyOf(const Request& request) {
  return request.consistent_read() ? Consistency::kStrong
                                   : Consistency::kEventual;
}

// Of `bytes` read at once: one unit per 4 KB begun, at least one (also for an
// item that is not there); an eventual read takes half.
double ReadUnits(uint64_t bytes, Consistency consistency);

// How often 4 KB go into `bytes`, rounded up; at least one.
uint64_t ReadBlocks(uint64_t bytes);
// Of that many of them.
double UnitsOfBlocks(uint64_t blocks, Consistency consistency);

// Of an item written: one unit per 1 KB begun of the larger of its old and new
// size, at least one.
double WriteUnits(uint64_t old_size, uint64_t new_size);

// What an operation took of one table.
struct UnitsByArm {
  double table = 0;
  // By name; those that were touched. Empty: it had nothing to do with any.
  std::map<std::string, double> local_indexes = {};
  std::map<std::string, double> global_indexes = {};

  double Total() const;
  // Without global indexes: they have a throughput of their own.
  double OfTable() const;
  void Add(const UnitsByArm& more);
};

// The same, arm by arm.
bool FillConsumedCapacity(wire::v1::ReturnConsumedCapacity mode,
                          absl::string_view table_name, const UnitsByArm& units,
                          wire::v1::ConsumedCapacity* report);

// Puts the report for one table into `report` as `mode` asks. `table_name` is
// as the request has it. False, and nothing is done, if it asks for none.
bool FillConsumedCapacity(wire::v1::ReturnConsumedCapacity mode,
                          absl::string_view table_name, double units,
                          wire::v1::ConsumedCapacity* report);

// True if `mode` asks for a report at all.
bool WantsCapacity(wire::v1::ReturnConsumedCapacity mode);

}  // namespace pallet::service
