// SPDX-License-Identifier: Apache-2.0
//
// Random appends, syncs, truncations and ends of the process or the machine,
// faults among them, against a plain list of what was appended. Each run prints
// its seed. (The background that makes segments may meet a fault in the place of
// the appending thread, so a run is repeated in its kind, not to the step.)
#include <errno.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/random.h"
#include "model/errors.h"
#include "tests/testing/log_harness.h"

namespace pallet::storage {
namespace {

using testing::LogHarness;
using testing::TextOf;

// One run: a log, and what must be true of it.
class LogRun : public LogHarness {
 public:
  explicit LogRun(uint64_t seed) : random_(seed) {
    options().id_seed = seed << 20 | 1;
    options().first_segment_bytes = 4 << 10;
    options().segment_bytes = 16 << 10;
    options().spare_segments = random_.Below(4);
    Reopen();
  }

  void Step() {
    switch (random_.Below(16)) {
      case 0:
        return Truncate();
      case 1:
        if (log().AppendMarker().ok()) durable_ = frames_.size();
        return;
      case 2:
        return disk().FailSync(random_.Between(1, 6), EIO);
      case 3:
        return disk().FailWrite(random_.Between(1, 6), EIO);
      case 4:
        return random_.OneIn(2) ? disk().SetSpace(random_.Below(40 << 10))
                                : disk().SetUnlimitedSpace();
      case 5:
        return End();
      case 6:
      case 7:
      case 8:
      case 9:
        if (log().Sync().ok()) durable_ = frames_.size();
        return;
      default:
        return AppendFrame();
    }
  }

  // Ends in one of the ways and starts again, perhaps with faults on the way.
  void End() {
    EndOnce();
    for (int tries = 0; random_.OneIn(2) && tries < 3; ++tries) {
      random_.OneIn(2) ? disk().FailSync(random_.Between(1, 4), EIO)
                       : disk().FailWrite(random_.Between(1, 8), EIO);
      Open(checkpoint_).IgnoreError();
      Check();
      durable_ = log_is_open() ? frames_.size() : durable_;
      EndOnce();
    }
    Reopen();
  }

  // Everything that is appended so far is covered by a marker on return.
  void Cover() {
    disk().FailSync(0, 0);
    disk().FailWrite(0, 0);
    disk().SetUnlimitedSpace();
    if (!log().Health().ok()) End();
    ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
    Kill();
  }

  // One sector of some segment becomes rubbish. Says whether it was noticed.
  bool DamageOneSector() {
    const std::vector<std::string> names = *memory().List("log");
    const std::string path = "log/" + names[random_.Below(names.size())];
    auto file = memory().Open(path, OpenMode::kReadWrite);
    const uint64_t sectors = *(*file)->Size() / kLogSector;
    if (sectors == 0) return DamageOneSector();  // one that is being made
    const uint64_t offset = random_.Below(sectors) * kLogSector;
    std::string before(kLogSector, '\0');
    EXPECT_TRUE((*file)->Read(offset, kLogSector, before.data()).ok());
    std::string after = before;
    if (random_.OneIn(2)) {
      after[random_.Below(kLogSector)] ^= 1 << random_.Below(8);
    } else {
      after = random_.OneIn(2) ? random_.Bytes(kLogSector)
                               : std::string(kLogSector, '\0');
    }
    EXPECT_TRUE((*file)->Write(offset, after).ok());
    const absl::Status status = Recover(checkpoint_).status();
    if (status.ok()) {
      EXPECT_EQ(delivered(), Expected()) << path << " offset " << offset;
    } else {
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    }
    EXPECT_TRUE((*file)->Write(offset, before).ok());
    return !status.ok();
  }

  uint64_t ends() const { return ends_; }
  uint64_t lost_frames() const { return lost_frames_; }

 private:
  struct Frame {
    uint64_t number;
    std::string text;
  };

  void AppendFrame() {
    const uint64_t number = log().last_frame().value() + 1;
    const size_t size =
        random_.OneIn(20) ? random_.Below(40 << 10) : random_.Below(3000);
    const std::string payload =
        absl::StrCat("#", ++serial_, " ") + std::string(size, 'x');
    FrameBuilder builder;
    const RecordView record = {RecordKind::kEntries, PartitionId(1), serial_, 0,
                               payload};
    builder.Add(record);
    const absl::StatusOr<FrameNumber> appended = log().Append(&builder);
    // A frame whose write failed may be there or not.
    if (appended.ok() ||
        model::ReasonOf(appended.status()) != model::Reason::kStorageFull) {
      if (appended.ok()) {
        EXPECT_EQ(appended->value(), number);
      }
      if (!appended.ok() && maybe_) return;
      maybe_ = !appended.ok();
      frames_.push_back({number, TextOf({FrameNumber(number), {&record, 1}})});
    }
  }

  void Truncate() {
    // A checkpoint holds durable frames only.
    const uint64_t newest =
        durable_ == 0 ? checkpoint_ : frames_[durable_ - 1].number;
    checkpoint_ = std::max(checkpoint_, random_.Between(0, newest));
    log().TruncateBefore(FrameNumber(checkpoint_ + 1)).IgnoreError();
  }

  void EndOnce() {
    ++ends_;
    switch (random_.Below(4)) {
      case 0:
        if (log_is_open() && log().Close().ok()) durable_ = frames_.size();
        return Kill();
      case 1:
        return Kill();
      case 2:
        return LosePower();
      default:
        return LosePower(&random_);
    }
  }

  void Reopen() {
    disk().FailSync(0, 0);
    disk().FailWrite(0, 0);
    disk().SetUnlimitedSpace();
    ASSERT_EQ(Open(checkpoint_), absl::OkStatus());
    Check();
    durable_ = frames_.size();
    maybe_ = false;
  }

  std::vector<std::string> Expected() const {
    std::vector<std::string> texts;
    for (const Frame& frame : frames_) {
      if (frame.number > checkpoint_) texts.push_back(frame.text);
    }
    return texts;
  }

  // What was delivered is a prefix of what was appended with all that was
  // durable; the rest is gone for ever.
  void Check() {
    const std::vector<std::string> expected = Expected();
    const std::vector<std::string> got = delivered();
    ASSERT_LE(got.size(), expected.size());
    ASSERT_TRUE(std::equal(got.begin(), got.end(), expected.begin()));
    const size_t lost = expected.size() - got.size();
    ASSERT_LE(lost, frames_.size() - durable_) << "a durable frame is lost";
    frames_.resize(frames_.size() - lost);
    lost_frames_ += lost;
  }

  Random random_;
  std::vector<Frame> frames_;  // appended and not known to be lost
  size_t durable_ = 0;         // how many of them are
  uint64_t checkpoint_ = 0;
  bool maybe_ = false;  // the last of frames_ is one whose write failed
  uint64_t serial_ = 0;
  uint64_t ends_ = 0, lost_frames_ = 0;
};

uint64_t FirstSeed() {
  const char* const seed = std::getenv("PALLET_TEST_SEED");
  uint64_t first = 1;
  if (seed != nullptr) {
    EXPECT_TRUE(absl::SimpleAtoi(seed, &first));
  }
  return first;
}

TEST(LogPropertyTest, RecoveryGivesAPrefixWithAllThatWasSynced) {
  uint64_t ends = 0, lost = 0;
  for (uint64_t seed = FirstSeed(); seed < FirstSeed() + 100; ++seed) {
    SCOPED_TRACE(absl::StrCat("PALLET_TEST_SEED=", seed));
    LogRun run(seed);
    for (int i = 0; i < 150; ++i) run.Step();
    run.End();
    if (::testing::Test::HasFailure()) return;
    ends += run.ends();
    lost += run.lost_frames();
  }
  // The runs are worth something only if they lost frames that were not synced.
  EXPECT_GT(ends, 1000u);
  EXPECT_GT(lost, 300u);
}

TEST(LogPropertyTest, DamageInCoveredFramesIsNeverReadAsAnEnd) {
  uint64_t noticed = 0;
  for (uint64_t seed = FirstSeed(); seed < FirstSeed() + 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("PALLET_TEST_SEED=", seed));
    LogRun run(seed);
    for (int i = 0; i < 60; ++i) run.Step();
    run.Cover();
    for (int i = 0; i < 100; ++i) noticed += run.DamageOneSector();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(noticed, 200u);
}

}  // namespace
}  // namespace pallet::storage
