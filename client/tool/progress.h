// SPDX-License-Identifier: Apache-2.0
//
// A line on standard error that says how far something is:
//   cities.json [=========>          ]  46%  61,200 items  30,600/s  ETA 2s
// Drawn over itself on a terminal a few times a second; elsewhere only the last
// line is printed. Used by one thread.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"

namespace pallet::tool {

class Progress {
 public:
  // `total` in any unit, the one of Update's `done`; 0: not known.
  Progress(Clock* clock, std::string what, int64_t total);

  void Update(int64_t done, int64_t items);
  // Prints the summary: items, time, rate.
  void Finish(int64_t items);

 private:
  Clock& clock_;
  const std::string what_;
  const int64_t total_;
  const bool on_terminal_;
  const absl::Duration start_;
  absl::Duration next_draw_;
};

}  // namespace pallet::tool
