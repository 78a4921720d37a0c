// SPDX-License-Identifier: Apache-2.0
//
// Power loss under image and checkpoints: hundreds of crash images, at random
// moments of a run with checkpoints, of births, of recoveries and of long
// replays. Each must open, verify, and hold exactly the state its checkpoint
// names, which is the last finished one or a later one; replaying brings the
// rest. PALLET_ROUNDS sets how many images each test builds.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/checkpoint.h"
#include "storage/image.h"
#include "storage/key_codec.h"
#include "tests/testing/disk_recorder.h"
#include "tests/testing/image_fixture.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet::storage {
namespace {

constexpr int kKeys = 1500;
constexpr int kRowsPerCommit = 12;

// Every tenth row has a long key.
std::string KeyOf(uint64_t number) {
  std::string key = HashPrefix(KeyspaceId(1), number % 10 == 0 ? 0 : number);
  if (number % 10 == 0) key.append(600, 'k');
  return key + std::to_string(number);
}

// What every run writes: it stands for the log, and can be replayed from any
// commit on.
class History {
 public:
  explicit History(uint64_t seed) : seed_(seed) {}

  static std::string ItemOf(uint64_t commit) {
    return std::to_string(commit) + std::string(commit % 300, 'x');
  }

  // Puts some rows and deletes one.
  absl::Status Write(Image& image, uint64_t commit) const {
    ASSIGN_OR_RETURN(ImageWrite write, image.Write());
    const std::vector<uint64_t> keys = KeysOf(commit);
    for (const uint64_t key : keys) {
      RETURN_IF_ERROR(write.Put(DatabaseId::kItems, KeyOf(key),
                                testing::RowOf(ItemOf(commit))));
    }
    RETURN_IF_ERROR(write.Delete(DatabaseId::kItems, KeyOf(keys[0])));
    return write.Commit();
  }

  std::map<std::string, std::string> RowsAfter(uint64_t commit) const {
    std::map<std::string, std::string> rows;
    for (uint64_t c = 1; c <= commit; ++c) {
      const std::vector<uint64_t> keys = KeysOf(c);
      for (const uint64_t key : keys) rows[KeyOf(key)] = ItemOf(c);
      rows.erase(KeyOf(keys[0]));
    }
    return rows;
  }

 private:
  std::vector<uint64_t> KeysOf(uint64_t commit) const {
    Random random(seed_ + commit);
    std::vector<uint64_t> keys;
    for (int i = 0; i < kRowsPerCommit; ++i) {
      keys.push_back(random.Below(kKeys));
    }
    return keys;
  }

  const uint64_t seed_;
};

// OK if the image is whole and holds exactly the rows after `commit`.
absl::Status CheckRows(Image& image, const History& history, uint64_t commit) {
  RETURN_IF_ERROR(image.Verify());
  ASSIGN_OR_RETURN(ImageRead read, image.Read());
  const std::unique_ptr<RowCursor> cursor = read.Cursor("", "");
  RETURN_IF_ERROR(cursor->SeekAtOrAfter(""));
  for (const auto& [key, item] : history.RowsAfter(commit)) {
    if (!cursor->Valid() || cursor->key() != key ||
        cursor->row().item != item) {
      return absl::DataLossError("rows differ from those of commit " +
                                 std::to_string(commit));
    }
    RETURN_IF_ERROR(cursor->Next());
  }
  return cursor->Valid() ? absl::DataLossError("more rows than there were")
                         : absl::OkStatus();
}

CheckpointOptions OptionsFor(const std::string& directory, bool may_create) {
  return {.directory = directory,
          .map_size = uint64_t{1} << 30,
          .may_create = may_create,
          .new_uuid = "0123456789abcdef"};
}

// What a crash after a moment may leave.
struct Moment {
  size_t position = 0;
  uint64_t finished = 0;  // commit of the last finished checkpoint
  uint64_t begun = 0;     // of the last one begun
  uint64_t committed = 0;
};

// Commits, with checkpoints now and then, and notes its moments.
class Session {
 public:
  Session(const History& history, const testing::DiskRecorder& recorder,
          OpenedImage& opened)
      : history_(history), recorder_(recorder), opened_(opened) {
    now_.finished = now_.begun = now_.committed = opened.contents.log_frame;
    Note();
  }

  // A checkpoint begins every `interval` commits (0: never) and is finished
  // some commits later.
  absl::Status Commit(uint64_t first, uint64_t last, uint64_t interval) {
    Checkpoints& checkpoints = *opened_.checkpoints;
    for (uint64_t commit = first; commit <= last; ++commit) {
      RETURN_IF_ERROR(history_.Write(*opened_.image, commit));
      now_.committed = commit;
      Note();
      if (interval == 0) continue;
      if (commit % interval == 0) {
        RETURN_IF_ERROR(checkpoints.Begin({.log_frame = commit}));
        now_.begun = commit;
        Note();
      } else if (commit % interval == interval / 3 &&
                 checkpoints.in_progress()) {
        RETURN_IF_ERROR(checkpoints.Finish([] { return absl::OkStatus(); }));
        now_.finished = now_.begun;
        Note();
      }
    }
    return absl::OkStatus();
  }

  Moment At(size_t position) const {
    Moment last = moments_.front();
    for (const Moment& moment : moments_) {
      if (moment.position <= position) last = moment;
    }
    return last;
  }

  size_t first_position() const { return moments_.front().position; }

 private:
  void Note() {
    now_.position = recorder_.position();
    moments_.push_back(now_);
  }

  const History& history_;
  const testing::DiskRecorder& recorder_;
  OpenedImage& opened_;
  Moment now_;
  std::vector<Moment> moments_;
};

class ImageCrashImagesTest : public ::testing::Test {
 protected:
  ~ImageCrashImagesTest() override {
    std::printf("%d crash images, %d corrupt\n", images_, corrupt_);
  }

  std::string NextDirectory() {
    return scratch_.path() + "/" + std::to_string(++directories_);
  }

  OpenedImage NewStore(const std::string& directory) {
    std::filesystem::create_directory(directory);
    return Checkpoints::Open(OptionsFor(directory, true)).value();
  }

  std::string Crash(const testing::DiskRecorder& recorder, size_t position) {
    ++images_;
    std::string image = NextDirectory();
    recorder.BuildCrashImage(position, random_, image);
    return image;
  }

  // Recovers `directory` and checks it against what it may be.
  absl::Status Recover(const std::string& directory, const Moment& moment,
                       OpenedImage* opened) {
    ASSIGN_OR_RETURN(*opened, Checkpoints::Open(OptionsFor(directory, false)));
    const uint64_t commit = opened->contents.log_frame;
    if (commit < moment.finished || commit > moment.begun) {
      return absl::DataLossError("checkpoint " + std::to_string(commit) +
                                 " is none of " +
                                 std::to_string(moment.finished) + ".." +
                                 std::to_string(moment.begun));
    }
    return CheckRows(*opened->image, history_, commit);
  }

  // Counts it, and tells whether all is well.
  bool Well(const absl::Status& status, absl::string_view what, size_t number) {
    if (!status.ok()) ++corrupt_;
    EXPECT_TRUE(status.ok()) << what << " " << number << ": " << status;
    return status.ok();
  }

  const uint64_t seed_ = testing::TestSeed();
  const History history_{seed_};
  Random random_{seed_};
  testing::TemporaryDirectory scratch_;
  int directories_ = 0, images_ = 0, corrupt_ = 0;
};

TEST_F(ImageCrashImagesTest, EveryCrashImageIsACheckpointAndCanBeReplayed) {
  const std::string directory = NextDirectory();
  OpenedImage store = NewStore(directory);
  testing::DiskRecorder recorder(directory);
  Session session(history_, recorder, store);
  ASSERT_EQ(session.Commit(1, 300, 20), absl::OkStatus());
  recorder.Stop();

  const int rounds = testing::TestRounds(220);
  for (int round = 0; round < rounds; ++round) {
    const size_t position = random_.Between(0, recorder.position());
    const Moment moment = session.At(position);
    const std::string image = Crash(recorder, position);
    OpenedImage opened;
    absl::Status status = Recover(image, moment, &opened);
    for (uint64_t commit = opened.contents.log_frame + 1;
         status.ok() && commit <= moment.committed; ++commit) {
      status = history_.Write(*opened.image, commit);
    }
    if (status.ok()) {
      status = CheckRows(*opened.image, history_, moment.committed);
    }
    Well(status, "position", position);
    opened = {};
    std::filesystem::remove_all(image);
  }
}

// Crashes in recovery, in a long replay without a checkpoint, and around the
// first checkpoint after it, three in a row.
TEST_F(ImageCrashImagesTest, CrashesOfRecoveryAndLongReplaysLoseNothing) {
  const int chains = (testing::TestRounds(220) + 2) / 3;
  for (int chain = 0; chain < chains && corrupt_ == 0; ++chain) {
    std::string directory = NextDirectory();
    OpenedImage store = NewStore(directory);
    Moment moment;
    for (int crash = 0; crash < 3; ++crash) {
      testing::DiskRecorder recorder(directory);
      if (crash > 0 &&  // what is recorded begins with the recovery
          !Well(Recover(directory, moment, &store), "chain", chain)) {
        return;
      }
      Session session(history_, recorder, store);
      const uint64_t first = store.contents.log_frame + 1;
      const uint64_t replayed = first + random_.Below(150);
      ASSERT_EQ(session.Commit(first, replayed, 0), absl::OkStatus());
      ASSERT_EQ(session.Commit(replayed + 1, replayed + random_.Below(30), 10),
                absl::OkStatus());
      recorder.Stop();
      store = {};

      // A recovery leaves what it found.
      const size_t position = random_.Between(0, recorder.position());
      if (position >= session.first_position()) moment = session.At(position);
      const std::string image = Crash(recorder, position);
      std::filesystem::remove_all(directory);
      directory = image;
    }
    Well(Recover(directory, moment, &store), "chain", chain);
    store = {};
    std::filesystem::remove_all(directory);
  }
}

TEST_F(ImageCrashImagesTest, CrashesAtBirthLeaveNoStoreOrAWholeOne) {
  const std::string directory = NextDirectory();
  std::filesystem::create_directory(directory);
  testing::DiskRecorder recorder(directory);
  ASSERT_TRUE(Checkpoints::Open(OptionsFor(directory, true)).ok());
  recorder.Stop();

  const int rounds = testing::TestRounds(220) / 3;
  for (int round = 0; round < rounds; ++round) {
    const size_t position = random_.Between(0, recorder.position());
    const std::string image = Crash(recorder, position);
    auto opened = Checkpoints::Open(OptionsFor(image, true));
    if (!Well(opened.status(), "position", position)) continue;
    EXPECT_TRUE(position < recorder.position() || !opened->created);
    Well(CheckRows(*opened->image, history_, 0), "position", position);
    *opened = {};
    std::filesystem::remove_all(image);
  }
}

}  // namespace
}  // namespace pallet::storage
