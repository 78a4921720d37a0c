// SPDX-License-Identifier: Apache-2.0
#include "client/tool/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "client/tool/text_table.h"

namespace pallet::tool {
namespace {

constexpr absl::Duration kBetweenDraws = absl::Milliseconds(200);
constexpr int kBarWidth = 20;

std::string Bar(double fraction) {
  const int filled = static_cast<int>(fraction * kBarWidth);
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return bar;
}

int64_t Rate(int64_t items, absl::Duration elapsed) {
  const double seconds = std::max(absl::ToDoubleSeconds(elapsed), 1e-3);
  return static_cast<int64_t>(items / seconds);
}

}  // namespace

Progress::Progress(Clock* clock, std::string what, int64_t total)
    : clock_(*clock),
      what_(std::move(what)),
      total_(total),
      on_terminal_(isatty(STDERR_FILENO) != 0),
      start_(clock->Monotonic()),
      next_draw_(start_ + kBetweenDraws) {}

void Progress::Update(int64_t done, int64_t items) {
  if (!on_terminal_) return;
  const absl::Duration now = clock_.Monotonic();
  if (now < next_draw_) return;
  next_draw_ = now + kBetweenDraws;
  const absl::Duration elapsed = now - start_;
  std::string line = what_;
  std::string eta;
  if (total_ > 0 && done > 0) {
    const double fraction = std::min(1.0, static_cast<double>(done) / total_);
    line += absl::StrFormat(" [%s] %3.0f%%", Bar(fraction), fraction * 100);
    eta = "  ETA " + HumanDuration(elapsed * (1 / fraction - 1));
  }
  std::cerr << "\r\x1b[K" << line << "  " << WithThousands(items) << " items  "
            << WithThousands(Rate(items, elapsed)) << "/s" << eta << std::flush;
}

void Progress::Finish(int64_t items) {
  const absl::Duration elapsed = clock_.Monotonic() - start_;
  std::cerr << (on_terminal_ ? "\r\x1b[K" : "")
            << absl::StrFormat("%s: %s items in %.1fs, %s/s\n", what_,
                               WithThousands(items),
                               absl::ToDoubleSeconds(elapsed),
                               WithThousands(Rate(items, elapsed)));
}

}  // namespace pallet::tool
