// SPDX-License-Identifier: Apache-2.0
//
// Power loss under a whole store, log and image together. A store lives through
// one life after the other; each begins on the disk that a power loss left of
// the last one, so with recovery. Of each life many crash images are built, at
// random moments of its birth or recovery, its load, its checkpoints and its
// close; each must open, verify, hold every acknowledged write and none by
// halves. Some lives make no checkpoint, so that the next one's replay is long.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "gtest/gtest.h"
#include "storage/store.h"
#include "tests/fault/small_store.h"
#include "tests/testing/disk_recorder.h"
#include "tests/testing/seed.h"
#include "tests/testing/store_workload.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

using testing::DiskRecorder;
using testing::SlotExpectations;
using testing::SlotOperation;

constexpr int kThreads = 2;
constexpr uint32_t kSlotsPerThread = 120;
constexpr int kImagesPerLife = 10;

// Notes with each operation where the disk's record stood.
class RecordedJournal : public testing::Journal {
 public:
  explicit RecordedJournal(const DiskRecorder* recorder)
      : recorder_(recorder) {}

  void Intend(const SlotOperation& operation) override {
    Add(operation, false);
  }
  void Acknowledge(const SlotOperation& operation) override {
    Add(operation, true);
  }

  // What a crash at `position` may and must have kept.
  void Feed(size_t position, SlotExpectations* expectations) const {
    absl::MutexLock lock(&mutex_);
    for (const Note& note : notes_) {
      if (note.position > position) continue;
      if (note.acknowledged) {
        expectations->Acknowledge(note.operation);
      } else {
        expectations->Intend(note.operation);
      }
    }
  }

 private:
  struct Note {
    size_t position;
    bool acknowledged;
    SlotOperation operation;
  };

  void Add(const SlotOperation& operation, bool acknowledged) {
    absl::MutexLock lock(&mutex_);
    notes_.push_back({recorder_->position(), acknowledged, operation});
  }

  const DiskRecorder* const recorder_;
  mutable absl::Mutex mutex_;
  std::vector<Note> notes_ ABSL_GUARDED_BY(mutex_);
};

class PowerLossTest : public ::testing::Test {
 protected:
  std::string NextDirectory() {
    return absl::StrCat(scratch_.path(), "/", ++directories_);
  }

  // One life of the store in `directory`.
  void Live(const std::string& directory, RecordedJournal* journal) {
    StoreOptions options = testing::SmallStore(directory + "/store");
    options.checkpoint_bytes = uint64_t{512} << 10;
    const bool long_replay = random_.OneIn(3);
    if (long_replay) options.checkpoint_bytes = uint64_t{1} << 30;
    const int operations = long_replay ? 1500 : 30 + random_.Below(500);
    auto store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE(testing::CreateSlotPartitions(**store).ok());
    // A partition that comes, and whose rows are removed beside the load.
    const PartitionId passing(1000 + directories_);
    const KeyspaceId keyspace(1000 + directories_);
    ASSERT_TRUE((*store)->CreatePartition(passing, keyspace, {}).ok());
    std::vector<Thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      testing::SlotWriter::Options writer_options;
      writer_options.first_slot = i * kSlotsPerThread;
      writer_options.slots = kSlotsPerThread;
      writer_options.window = i == 0 ? 1 : 24;
      writer_options.first_version = next_version_;
      writer_options.seed = random_.Next();
      threads.emplace_back(absl::StrCat("writer-", i), [=, &store] {
        testing::SlotWriter writer(store->get(), journal, writer_options);
        absl::Status status;
        for (int n = 0; n < operations && status.ok(); ++n) {
          status = writer.Step();
        }
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_TRUE(writer.Wait().ok());
      });
    }
    ASSERT_TRUE((*store)->DropPartition(passing).ok());
    threads.clear();
    next_version_ += operations;
    checkpoints_ += (*store)->Metrics().checkpoints;
  }

  // Opens what a crash left and holds it against what it may be; afterwards
  // nothing in `expected` is open.
  void Check(const std::string& directory, SlotExpectations* expected) {
    auto store = Store::Open(testing::SmallStore(directory + "/store"));
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::Status kept = expected->CheckAndSettle(**store);
    ASSERT_TRUE(kept.ok()) << kept;
    const absl::Status sound = (*store)->Verify();
    ASSERT_TRUE(sound.ok()) << sound;
    ++images_;
    replayed_ += (*store)->Metrics().replayed_frames;
    torn_tails_ += (*store)->Metrics().torn_tails;
  }

  testing::TemporaryDirectory scratch_;
  Random random_{testing::TestSeed()};
  int directories_ = 0;
  uint64_t next_version_ = 1;
  uint64_t images_ = 0, replayed_ = 0, torn_tails_ = 0, checkpoints_ = 0;
};

TEST_F(PowerLossTest, NothingAcknowledgedIsLostWhereverThePowerGoes) {
  const int lives = testing::TestRounds(6);
  std::string directory = NextDirectory();
  std::filesystem::create_directory(directory);
  SlotExpectations expected;  // of the disk in `directory`
  for (int life = 0; life < lives; ++life) {
    SCOPED_TRACE(absl::StrCat("life ", life));
    DiskRecorder recorder(directory);
    RecordedJournal journal(&recorder);
    Live(directory, &journal);
    if (HasFailure()) return;
    recorder.Stop();

    std::string next_directory;
    SlotExpectations next_expected;
    for (int i = 0; i < kImagesPerLife; ++i) {
      // A third while it opens, where most of recovery's writes are.
      size_t position = random_.Below(recorder.position() + 1);
      if (i % 3 == 1) position = random_.Below(1 + recorder.position() / 10);
      SCOPED_TRACE(
          absl::StrCat("crash at ", position, " of ", recorder.position()));
      const std::string image = NextDirectory();
      recorder.BuildCrashImage(position, random_, image);
      next_directory = NextDirectory();
      std::filesystem::copy(image, next_directory,
                            std::filesystem::copy_options::recursive);
      next_expected = expected;
      journal.Feed(position, &next_expected);
      Check(image, &next_expected);
      if (HasFailure()) return;
      std::filesystem::remove_all(image);
      if (i + 1 < kImagesPerLife) std::filesystem::remove_all(next_directory);
    }
    std::filesystem::remove_all(directory);
    directory = next_directory;
    expected = next_expected;
  }
  std::printf(
      "%llu crash images of %d lives (%llu frames replayed, %llu "
      "checkpoints): none corrupt, none lost\n",
      static_cast<unsigned long long>(images_), lives,
      static_cast<unsigned long long>(replayed_),
      static_cast<unsigned long long>(checkpoints_));
}

}  // namespace
}  // namespace pallet::storage
