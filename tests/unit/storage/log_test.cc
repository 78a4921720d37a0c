// SPDX-License-Identifier: Apache-2.0
#include "storage/log.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/errors.h"
#include "tests/testing/log_harness.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using model::Reason;
using model::ReasonOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LogHarness;

TEST(LogTest, Example) {
  testing::TemporaryDirectory directory;
  LogOptions options;
  options.directory = directory.path();
  const auto ignore = [](const FrameView&) { return absl::OkStatus(); };
  auto recovered = RecoverLog(options.file_system, options.directory,
                              FrameNumber(0), ignore);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  auto log = Log::Open(options, *recovered);
  ASSERT_TRUE(log.ok()) << log.status();

  FrameBuilder builder;
  builder.Add({RecordKind::kEntries, PartitionId(7), 1, 0, "first"});
  builder.Add({RecordKind::kEntries, PartitionId(8), 1, 0, "other"});
  EXPECT_EQ(*(*log)->Append(&builder), FrameNumber(1));
  ASSERT_TRUE((*log)->Sync().ok());
  log->reset();

  std::vector<std::string> frames;
  recovered = RecoverLog(options.file_system, options.directory, FrameNumber(0),
                         [&](const FrameView& frame) {
                           frames.push_back(testing::TextOf(frame));
                           return absl::OkStatus();
                         });
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(frames, ElementsAre("1: 7/1=first 8/1=other", "2:"));
}

class LogFileTest : public ::testing::Test, public LogHarness {
 protected:
  LogFileTest() { EXPECT_EQ(Open(), absl::OkStatus()); }

  // It is made in the background after the first append.
  void WaitForTheNextSegment() {
    while (log().Metrics().segments < 2) {
    }
  }

  void ExpectAllBack() {
    EXPECT_EQ(Open(), absl::OkStatus());
    EXPECT_EQ(delivered(), appended());
  }
};

TEST_F(LogFileTest, EveryWayToEndKeepsWhatWasSynced) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ExpectAllBack();  // closed
  ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  Kill();
  ExpectAllBack();
  ASSERT_EQ(AppendAndSync("c"), absl::OkStatus());
  LosePower();
  ExpectAllBack();
  LosePower();  // nothing was appended since
  ExpectAllBack();
}

TEST_F(LogFileTest, WhatWasNotSyncedMayGoAndWhatWasReadStays) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  Kill();
  // The page cache still has b. It is delivered, and so must last.
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a", "2: 1/2=b"));
  LosePower();
  ExpectAllBack();

  ASSERT_EQ(Append("c"), absl::OkStatus());
  LosePower();
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a", "2: 1/2=b"));
}

TEST_F(LogFileTest, SyncsOncePerBatchIntoWrittenSpace) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());  // starts the next segment
  WaitForTheNextSegment();
  const uint64_t writes = disk().writes(), syncs = disk().syncs();
  ASSERT_EQ(AppendAndSync(std::string(1000, 'x')), absl::OkStatus());
  EXPECT_EQ(disk().writes(), writes + 1);
  EXPECT_EQ(disk().syncs(), syncs + 1);
  ASSERT_EQ(log().Sync(), absl::OkStatus());
  EXPECT_EQ(disk().syncs(), syncs + 1);  // nothing to do
}

TEST_F(LogFileTest, MarkerCoversOnceAndOnlyWhatIsNew) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
  EXPECT_EQ(log().last_frame(), FrameNumber(2));
  ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
  EXPECT_EQ(log().last_frame(), FrameNumber(2));
  ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  EXPECT_EQ(log().last_frame(), FrameNumber(3));
  ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
  EXPECT_EQ(log().last_frame(), FrameNumber(4));
}

TEST_F(LogFileTest, RollsThroughManySegments) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(AppendAndSync(std::string(1 + i * 37 % 3000, 'x')),
              absl::OkStatus());
  }
  EXPECT_GT(log().Metrics().segments, 5u);
  LosePower();
  ExpectAllBack();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Append("y"), absl::OkStatus());
  ExpectAllBack();
}

TEST_F(LogFileTest, FrameLargerThanASegmentGetsOneToItsSize) {
  ASSERT_EQ(AppendAndSync("small"), absl::OkStatus());
  for (const size_t size : {100 << 10, 1 << 20, 33 << 20}) {
    ASSERT_EQ(AppendAndSync(std::string(size, 'L')), absl::OkStatus());
    ASSERT_EQ(AppendAndSync("small"), absl::OkStatus());
  }
  LosePower();
  ExpectAllBack();
}

TEST_F(LogFileTest, LargeUnsyncedTailIsCopied) {
  ASSERT_EQ(Append(std::string(1 << 20, 'L')), absl::OkStatus());
  Kill();
  ASSERT_EQ(Open(), absl::OkStatus());
  LosePower();
  ExpectAllBack();
}

TEST_F(LogFileTest, TruncationRecyclesAndOldFramesNeverComeBack) {
  options().first_segment_bytes = options().segment_bytes;
  ASSERT_EQ(Open(), absl::OkStatus());
  uint64_t checkpoint = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(AppendAndSync(absl::StrCat("frame ", i)), absl::OkStatus());
    if (i % 100 == 99) {
      checkpoint = log().last_frame().value() - 10;
      ASSERT_EQ(log().TruncateBefore(FrameNumber(checkpoint + 1)),
                absl::OkStatus());
    }
  }
  const LogMetrics metrics = log().Metrics();
  EXPECT_GT(metrics.segments_recycled, 20u);
  EXPECT_LT(metrics.segments_made, 10u);
  EXPECT_LT(metrics.segments, 10u);
  LosePower();
  ASSERT_EQ(Open(checkpoint), absl::OkStatus());
  EXPECT_EQ(delivered(),
            std::vector<std::string>(appended().end() - 10, appended().end()));
  // And again, the recycled space having been behind the torn end.
  ASSERT_EQ(Append("torn"), absl::OkStatus());
  LosePower();
  ASSERT_EQ(Open(checkpoint), absl::OkStatus());
  EXPECT_EQ(delivered().size(), 10u);
}

TEST_F(LogFileTest, NewestFrameStaysWhateverIsTruncated) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Open(), absl::OkStatus());
  ASSERT_EQ(Open(), absl::OkStatus());
  const uint64_t last = log().last_frame().value();
  ASSERT_EQ(log().TruncateBefore(FrameNumber(last + 100)), absl::OkStatus());
  ASSERT_EQ(Open(last), absl::OkStatus());
  EXPECT_EQ(log().last_frame().value(), last);
  EXPECT_THAT(delivered(), IsEmpty());
}

TEST_F(LogFileTest, LogThatDoesNotReachTheCheckpointIsDataLoss) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(Open(100)));

  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Open(), absl::OkStatus());
    ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  }
  ASSERT_EQ(log().TruncateBefore(log().last_frame()), absl::OkStatus());
  Kill();
  EXPECT_TRUE(absl::IsDataLoss(Recover(0).status()));
}

TEST_F(LogFileTest, MissingSegmentIsDataLoss) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(AppendAndSync(std::string(3000, 'x')), absl::OkStatus());
  }
  Kill();
  ASSERT_EQ(memory().Remove(SegmentPath(2)), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(Recover().status()));
}

TEST_F(LogFileTest, DamageInCoveredFramesNamesFileAndOffset) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  ASSERT_EQ(AppendAndSync("c"), absl::OkStatus());
  Kill();
  Flip(SegmentPath(1), 1024 + 100);  // in b's record
  const absl::Status status = Recover().status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(SegmentPath(1) + " offset 1024"));
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a"));
}

TEST_F(LogFileTest, DamageInTheUncoveredEndIsATornTail) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  Kill();
  Flip(SegmentPath(1), 1024 + 100);
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a"));
  EXPECT_THAT(logger().lines(), Contains(HasSubstr("log.torn_tail")));
}

TEST_F(LogFileTest, MarkerMakesDamageInTheLastBatchDataLoss) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(AppendAndSync("b"), absl::OkStatus());
  ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
  Kill();
  Flip(SegmentPath(1), 1024 + 100);
  EXPECT_TRUE(absl::IsDataLoss(Recover().status()));
}

// The marker says that all before it was on the disk when it was written.
TEST_F(LogFileTest, AMarkerIsWrittenAfterTheSyncOfWhatItCovers) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  ASSERT_EQ(log().AppendMarker(), absl::OkStatus());
  Kill();
  Flip(SegmentPath(1), 1024 + 100);  // in b's record
  EXPECT_TRUE(absl::IsDataLoss(Recover().status()));
}

// A marker beside a batch that the disk does not have would turn a torn tail
// into damage.
TEST_F(LogFileTest, AMarkerWhoseBatchFailsToSyncIsNotWritten) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  WaitForTheNextSegment();  // it would take the failure
  const uint64_t frames = log().Metrics().frames;
  disk().FailSync(1, EIO);
  EXPECT_EQ(ReasonOf(log().AppendMarker()), Reason::kStoreFenced);
  EXPECT_EQ(log().Metrics().frames, frames);
  EXPECT_EQ(log().last_frame(), FrameNumber(2));
  LosePower();
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a"));
}

TEST_F(LogFileTest, DamageInASegmentHeaderIsDataLoss) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  Kill();
  Flip(SegmentPath(1), 9);
  const absl::Status status = Recover().status();
  EXPECT_EQ(ReasonOf(status), Reason::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(SegmentPath(1)));
}

TEST_F(LogFileTest, NewerFormatIsRefused) {
  Kill();
  auto file = memory().Open(SegmentPath(1), OpenMode::kReadWrite);
  ASSERT_EQ((*file)->Write(0, absl::string_view("PLTSEG\0\2", 8)),
            absl::OkStatus());
  // The checksum does not fit, so this is damage, not another format.
  EXPECT_TRUE(absl::IsDataLoss(Recover().status()));
}

TEST_F(LogFileTest, AfterAFailedSyncEverythingIsRefusedUntilANewStart) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  WaitForTheNextSegment();  // it would take the failure
  disk().FailSync(1, EIO);
  EXPECT_EQ(ReasonOf(log().Sync()), Reason::kStoreFenced);
  // A later sync would succeed, and prove nothing.
  EXPECT_EQ(ReasonOf(log().Sync()), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(Append("c")), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(log().AppendMarker()), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(log().TruncateBefore(FrameNumber(2))),
            Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(log().Health()), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(log().Close()), Reason::kStoreFenced);

  // The page cache shows b although the disk will never have it in that place.
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a", "2: 1/2=b"));
  LosePower();
  ExpectAllBack();
}

TEST_F(LogFileTest, FailedSyncThenPowerLossLosesOnlyWhatWasNotSynced) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  WaitForTheNextSegment();  // it would take the failure
  disk().FailSync(1, EIO);
  ASSERT_EQ(ReasonOf(log().Sync()), Reason::kStoreFenced);
  LosePower();
  ASSERT_EQ(Open(), absl::OkStatus());
  EXPECT_THAT(delivered(), ElementsAre("1: 1/1=a"));
}

TEST_F(LogFileTest, FailedWriteFencesToo) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  WaitForTheNextSegment();
  disk().FailWrite(1, EIO);
  EXPECT_EQ(ReasonOf(Append(std::string(1000, 'b'))), Reason::kStoreFenced);
  EXPECT_EQ(ReasonOf(Append("c")), Reason::kStoreFenced);
  Kill();
  ExpectAllBack();
}

TEST_F(LogFileTest, FullDiskRefusesTheAppendAndPasses) {
  disk().SetSpace(3000);  // no room for a second segment
  absl::Status status;
  while (status.ok()) status = AppendAndSync(std::string(1000, 'x'));
  EXPECT_EQ(ReasonOf(status), Reason::kStorageFull);
  EXPECT_EQ(ReasonOf(Append(std::string(1000, 'x'))), Reason::kStorageFull);
  EXPECT_EQ(log().Health(), absl::OkStatus());
  EXPECT_EQ(log().Sync(), absl::OkStatus());
  disk().SetUnlimitedSpace();
  ASSERT_EQ(AppendAndSync("room again"), absl::OkStatus());
  LosePower();
  ExpectAllBack();
}

TEST_F(LogFileTest, CleanCloseGivesUnusedSpaceBack) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  ASSERT_EQ(log().Close(), absl::OkStatus());
  EXPECT_THAT(*memory().List("log"), ElementsAre(SegmentFileName(1)));
  EXPECT_EQ(ReadFile(&memory(), SegmentPath(1))->size(), 3u * 512);
}

TEST_F(LogFileTest, CrashLoopNeitherLosesNorGrowsFrames) {
  ASSERT_EQ(Append("a"), absl::OkStatus());
  ASSERT_EQ(Append("b"), absl::OkStatus());
  for (int i = 0; i < 10; ++i) {
    Kill();
    ASSERT_EQ(Open(), absl::OkStatus());
    EXPECT_EQ(delivered(), appended());
    EXPECT_EQ(log().last_frame(), FrameNumber(2));
  }
}

TEST_F(LogFileTest, CrashWhileAStartCopiesTheTailLosesNothing) {
  ASSERT_EQ(AppendAndSync("a"), absl::OkStatus());
  for (int n = 1; n < 20; ++n) {
    Kill();
    disk().FailWrite(n, EIO);
    const bool opened = Open().ok();
    disk().FailWrite(0, 0);
    LosePower();
    ASSERT_EQ(Recover().status(), absl::OkStatus());
    EXPECT_EQ(delivered(), appended());
    if (opened) break;
  }
  for (int n = 1; n < 20; ++n) {
    disk().FailSync(n, EIO);
    const bool opened = Open().ok();
    disk().FailSync(0, 0);
    LosePower();
    ASSERT_EQ(Recover().status(), absl::OkStatus());
    EXPECT_EQ(delivered(), appended());
    if (opened) break;
  }
}

}  // namespace
}  // namespace pallet::storage
