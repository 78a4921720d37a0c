// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica/replica_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread.h"
#include "cluster/replica/loop_thread.h"
#include "cluster/replica/raft_replay.h"
#include "cluster/replica/replica_applier.h"
#include "cluster/replica/replica_log.h"
#include "cluster/replica/replica_proposer.h"
#include "cluster/replica/staged_snapshot.h"
#include "model/errors.h"
#include "storage/admission.h"
#include "storage/applier.h"
#include "storage/checkpoint.h"
#include "storage/housekeeper.h"
#include "storage/image.h"
#include "storage/log.h"
#include "storage/log_recovery.h"
#include "storage/partition_table.h"
#include "storage/store_limits.h"
#include "storage/verifier.h"

namespace pallet::cluster {
namespace {

using model::Reason;
using storage::FrameNumber;
using storage::PartitionId;
using storage::PartitionPhase;
using storage::PartitionState;

// Entries that stand in the way of the log's end are written again once so many
// frames are behind them.
constexpr uint64_t kOldFrames = 256;

class ReplicaStoreImpl final : public ReplicaStore, private storage::Housekept {
 public:
  explicit ReplicaStoreImpl(ReplicaStoreOptions options)
      : options_(std::move(options)) {}
  ~ReplicaStoreImpl() override;

  absl::Status Recover();

  // Store.
  absl::Status Submit(std::unique_ptr<storage::RowWrite> write) override {
    return proposer_->Submit(std::move(write));
  }
  absl::Status Read(absl::FunctionRef<absl::Status(storage::ReadTransaction&)>
                        body) override {
    return applier_->Read(body);
  }
  absl::Status CreatePartition(PartitionId id, storage::KeyspaceId keyspace,
                               storage::HashRange range,
                               uint32_t index_count) override;
  absl::Status DropPartition(PartitionId id) override;
  std::vector<storage::PartitionInfo> Partitions() override;
  absl::StatusOr<storage::PartitionInfo> Partition(PartitionId id) override;
  void SetChangeListener(storage::ChangeListener* listener) override {
    replicas_applier_->SetChangeListener(listener);
  }
  void SetStreamListener(storage::StreamListener* listener) override {
    replicas_applier_->SetStreamListener(listener);
  }
  absl::Status Checkpoint() override { return housekeeper_.Checkpoint(); }
  absl::Status Verify() override;
  absl::Status Health() override;
  storage::StoreMetrics Metrics() override;

  // ReplicaStore.
  absl::Status CreateReplica(const NewReplica& replica) override;
  absl::Status DropReplica(PartitionId partition, ReplicaId replica) override;
  void Receive(std::vector<Packet> packets) override {
    loop_->Receive(std::move(packets));
  }
  absl::Status ReadStrong(
      PartitionId partition, absl::Duration patience,
      absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body) override;
  bool IsReadable(PartitionId partition) override;
  absl::Status ChangeMembers(PartitionId partition,
                             const std::vector<MemberChange>& changes) override;
  absl::Status TransferLeadership(PartitionId partition, ReplicaId to) override;
  void Campaign(PartitionId partition) override { loop_->Campaign(partition); }
  uint64_t ServingTerm(PartitionId partition) override;
  bool Leads(PartitionId partition) override {
    return ServingTerm(partition) != 0;
  }
  ReplicaId LeaderOf(PartitionId partition) override;
  absl::StatusOr<ReplicaInfo> Replica(PartitionId partition) override;
  std::vector<ReplicaInfo> Replicas() override;

 private:
  // Housekept.
  absl::Status Submit(storage::ControlOperation operation) override;
  void Fence(const absl::Status& cause) override ABSL_LOCKS_EXCLUDED(mutex_);
  void AddTo(storage::CheckpointContents* contents) override;

  std::string LogDirectory() const { return options_.store.directory + "/log"; }
  absl::Status PrepareDirectories();
  absl::Status OpenImage();
  absl::StatusOr<storage::RecoveredLog> ReplayLog();
  void Start(const storage::RecoveredLog& recovered);
  void LookAtSizes();
  absl::Status CheckRoomFor(const NewReplica& replica);
  ReplicaInfo InfoOf(const PartitionState& state);
  absl::Status Close();

  const ReplicaStoreOptions options_;
  std::unique_ptr<FileLock> lock_;
  storage::OpenedImage opened_;
  storage::PartitionTable partitions_;
  std::unique_ptr<StagedSnapshots> staged_;
  std::vector<RecoveredReplica> recovered_;
  uint64_t replayed_frames_ = 0;
  bool torn_tail_ = false;
  std::atomic<uint64_t> log_bytes_seen_{0};

  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<storage::Admission> admission_;
  std::unique_ptr<storage::Applier> applier_;
  std::unique_ptr<ReplicaLog> replica_log_;
  std::unique_ptr<ReplicaApplier> replicas_applier_;
  storage::Housekeeper housekeeper_;
  std::unique_ptr<ReplicaProposer> proposer_;
  std::unique_ptr<LoopThread> loop_;

  absl::Mutex control_mutex_;  // one replica comes or goes at a time
  absl::Mutex mutex_;
  std::atomic<bool> fenced_{false};
  absl::Status fence_ ABSL_GUARDED_BY(mutex_);
};

// --- Recovery ---

absl::Status ReplicaStoreImpl::Recover() {
  RETURN_IF_ERROR(PrepareDirectories());
  RETURN_IF_ERROR(OpenImage());
  ASSIGN_OR_RETURN(const storage::RecoveredLog recovered, ReplayLog());
  storage::LogOptions log;
  log.directory = LogDirectory();
  log.file_system = options_.store.file_system;
  log.logger = options_.store.logger;
  log.segment_bytes = options_.store.segment_bytes;
  log.first_segment_bytes =
      std::min(log.first_segment_bytes, log.segment_bytes);
  ASSIGN_OR_RETURN(log_, storage::Log::Open(log, recovered));
  Start(recovered);
  return absl::OkStatus();
}

absl::Status ReplicaStoreImpl::PrepareDirectories() {
  FileSystem& files = *options_.store.file_system;
  const std::string& directory = options_.store.directory;
  RETURN_IF_ERROR(files.CreateDirectory(directory));
  RETURN_IF_ERROR(files.SyncDirectory(DirectoryOf(directory)));
  ASSIGN_OR_RETURN(lock_, files.Lock(directory + "/LOCK"));
  RETURN_IF_ERROR(files.CreateDirectory(LogDirectory()));
  RETURN_IF_ERROR(files.SyncDirectory(directory));
  staged_ = std::make_unique<StagedSnapshots>(&files, directory + "/staging");
  return staged_->Open();
}

absl::Status ReplicaStoreImpl::OpenImage() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   options_.store.file_system->List(LogDirectory()));
  storage::CheckpointOptions checkpoint;
  checkpoint.directory = options_.store.directory;
  checkpoint.file_system = options_.store.file_system;
  checkpoint.map_size = options_.store.map_size;
  checkpoint.max_readers = options_.store.max_readers;
  checkpoint.may_create = std::none_of(
      names.begin(), names.end(),
      [](const std::string& name) { return absl::EndsWith(name, ".log"); });
  checkpoint.new_uuid = RealEntropy(storage::kImageUuidBytes);
  ASSIGN_OR_RETURN(opened_, storage::Checkpoints::Open(checkpoint));
  return absl::OkStatus();
}

absl::StatusOr<storage::RecoveredLog> ReplicaStoreImpl::ReplayLog() {
  const auto install = [this](const PartitionState& before,
                              const SnapshotPoint& point,
                              storage::Image* image) {
    return InstallIntoImage(*staged_, before, point, image);
  };
  ASSIGN_OR_RETURN(
      RaftReplay replay,
      RaftReplay::Begin(opened_.image.get(), opened_.contents, install));
  ASSIGN_OR_RETURN(
      storage::RecoveredLog recovered,
      storage::RecoverLog(options_.store.file_system, LogDirectory(),
                          FrameNumber(opened_.contents.log_frame),
                          [&](const storage::FrameView& frame) {
                            return replay.Deliver(frame);
                          }));
  RETURN_IF_ERROR(replay.Finish());
  recovered_ = replay.replicas();
  for (const RecoveredReplica& replica : recovered_) {
    partitions_.Set(replica.state);
  }
  replayed_frames_ = replay.frames();
  torn_tail_ = recovered.torn_tail;
  return recovered;
}

void ReplicaStoreImpl::Start(const storage::RecoveredLog& recovered) {
  const storage::StoreOptions& store = options_.store;
  admission_ = std::make_unique<storage::Admission>(
      storage::Admission::Options{store.directory, store.free_disk_reserve,
                                  store.clock, store.file_system},
      opened_.image.get(), opened_.checkpoints.get());
  const FrameNumber checkpointed(opened_.contents.log_frame);
  storage::Applier::Options applier = storage::ApplierOptionsOf(store);
  applier.applied_frame = checkpointed;
  applier.on_applied = [this] { LookAtSizes(); };
  applier.on_failed = [this](const absl::Status& error) { Fence(error); };
  applier_ = std::make_unique<storage::Applier>(opened_.image.get(),
                                                std::move(applier));
  replica_log_ = std::make_unique<ReplicaLog>(
      ReplicaLog::Options{
          .log = log_.get(),
          .logger = store.logger,
          .on_synced = [this](uint64_t batch) { loop_->Synced(batch); },
          .on_frame =
              [this] {
                proposer_->OnFrame();
                housekeeper_.OnLogged();
              },
          .on_failed = [this](const absl::Status& error) { Fence(error); }},
      std::max(recovered.last_frame, checkpointed));
  replicas_applier_ = std::make_unique<ReplicaApplier>(ReplicaApplier::Parts{
      .applier = applier_.get(),
      .partitions = &partitions_,
      .log = replica_log_.get(),
      .staged = staged_.get(),
      .fence = [this](const absl::Status& error) { Fence(error); }});
  LoopThread::Parts loop;
  loop.clock = store.clock;
  loop.log = replica_log_.get();
  loop.applier = replicas_applier_.get();
  loop.partitions = &partitions_;
  loop.staged = staged_.get();
  loop.transport = options_.transport;
  loop.read = [this](auto body) { return applier_->Read(body); };
  loop.conclude = [this](Proposed& proposed, Conclusion conclusion) {
    proposer_->Conclude(proposed, conclusion);
  };
  loop.fence = [this](const absl::Status& error) { Fence(error); };
  loop.on_removed = options_.on_removed;
  loop.on_changed = options_.on_changed;
  loop.logger = store.logger;
  ReplicaLoopOptions timing = options_.loop;
  if (timing.incarnation == 0) timing.incarnation = RealSeed();
  loop_ = std::make_unique<LoopThread>(std::move(loop), timing,
                                       options_.kept_entries);
  proposer_ = std::make_unique<ReplicaProposer>(
      ReplicaProposer::Parts{
          .applier = applier_.get(),
          .partitions = &partitions_,
          .admission = admission_.get(),
          .observer = &housekeeper_,
          .view = [this](PartitionId id) { return loop_->View(id); },
          .propose =
              [this](ProposedPtr one) { loop_->Propose(std::move(one)); },
          .health = [this] { return Health(); }},
      storage::Inbox::Bounds{store.inbox_bytes, store.inbox_writes,
                             store.batch_bytes, store.batch_writes});
  for (const RecoveredReplica& replica : recovered_) {
    if (replica.state.phase == PartitionPhase::kDropped) {
      replicas_applier_->Adopt(replica);
      continue;
    }
    // Their frames are all that the log has: the first is as good as any.
    replica_log_->Adopt(replica.state.info.id, replica.hard, replica.tail,
                        FrameNumber(checkpointed.value() + 1));
    replicas_applier_->Adopt(replica);
    loop_->Adopt(replica);
  }
  recovered_.clear();
  applier_->Start();
  replicas_applier_->Start();
  housekeeper_.Start({opened_.checkpoints.get(), log_.get(), &partitions_,
                      applier_.get(), this, store.clock, store.logger},
                     checkpointed);
  replica_log_->Start();
  loop_->Start();
  proposer_->Start();
  LookAtSizes();
}

void ReplicaStoreImpl::LookAtSizes() {
  const absl::StatusOr<uint64_t> allocated =
      opened_.checkpoints->AllocatedBytes();
  const uint64_t due = storage::CheckpointBytesOf(
      options_.store, opened_.checkpoints->LiveBytes());
  const uint64_t log_bytes = log_->Metrics().bytes;
  const bool long_log =
      log_bytes - log_bytes_seen_.load() >= options_.store.checkpoint_bytes;
  if (long_log) log_bytes_seen_.store(log_bytes);
  if (!long_log && !(allocated.ok() && *allocated >= due)) return;
  const uint64_t last = replica_log_->last_frame().value();
  if (last > kOldFrames) {
    replica_log_->Rewrite(FrameNumber(last - kOldFrames));
  }
  housekeeper_.OnCheckpointDue();
}

// --- The end ---

ReplicaStoreImpl::~ReplicaStoreImpl() {
  if (loop_ == nullptr) return;  // recovery failed
  const absl::Status closed = Close();
  if (!closed.ok()) {
    options_.store.logger->Warning("store.close_failed", {{"error", closed}});
  }
}

absl::Status ReplicaStoreImpl::Close() {
  housekeeper_.Stop();
  proposer_->Stop();
  loop_->Stop();
  replica_log_->Stop();
  replicas_applier_->Stop();
  applier_->Stop();
  RETURN_IF_ERROR(Health());
  RETURN_IF_ERROR(housekeeper_.CheckpointIfChanged());
  return log_->Close();
}

void ReplicaStoreImpl::Fence(const absl::Status& cause) {
  {
    absl::MutexLock lock(&mutex_);
    if (!fence_.ok()) return;
    fence_ = model::MakeError(
        Reason::kStoreFenced,
        absl::StrCat("the store refuses writes until a new start: ",
                     std::string(cause.message())));
    fenced_.store(true, std::memory_order_release);
  }
  options_.store.logger->Error("store.fenced", {{"cause", cause}});
  // It must not vote for or acknowledge what it does not keep.
  loop_->Freeze();
}

absl::Status ReplicaStoreImpl::Health() {
  if (!fenced_.load(std::memory_order_acquire)) return absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  return fence_;
}

// --- Housekeeping ---

absl::Status ReplicaStoreImpl::Submit(storage::ControlOperation operation) {
  RETURN_IF_ERROR(Health());
  if (operation.kind == storage::ControlOperation::Kind::kMarker) {
    replica_log_->WriteMarker([this](absl::Status status) {
      if (!status.ok() && !log_->Health().ok()) Fence(status);
    });
    return absl::OkStatus();
  }
  CHECK(operation.kind == storage::ControlOperation::Kind::kReclaimChunk);
  replicas_applier_->Call([this, id = operation.partition,
                           done = std::move(operation.done)]() mutable {
    const absl::Status status = replicas_applier_->Reclaim(id);
    if (!status.ok()) Fence(status);
    done(status);
  });
  return absl::OkStatus();
}

void ReplicaStoreImpl::AddTo(storage::CheckpointContents* contents) {
  for (const auto& [partition, hard] : replica_log_->hard_states()) {
    storage::CheckpointGroup group;
    group.partition = partition;
    group.term = hard.term;
    group.vote = hard.vote.value();
    group.commit = hard.commit;
    contents->groups.push_back(std::move(group));
  }
}

// --- Replicas that come and go ---

absl::Status ReplicaStoreImpl::CreatePartition(PartitionId id,
                                               storage::KeyspaceId,
                                               storage::HashRange, uint32_t) {
  return absl::FailedPreconditionError(
      absl::StrCat("partition ", id.value(), " needs a replica's id here"));
}

absl::Status ReplicaStoreImpl::DropPartition(PartitionId id) {
  ASSIGN_OR_RETURN(const ReplicaInfo info, Replica(id));
  return DropReplica(id, info.status.replica);
}

absl::Status ReplicaStoreImpl::CheckRoomFor(const NewReplica& replica) {
  for (const PartitionState& state : partitions_.List()) {
    const storage::PartitionInfo& info = state.info;
    const bool overlaps =
        info.keyspace.value() <=
            replica.keyspace.value() + replica.index_count &&
        replica.keyspace.value() <= info.keyspace.value() + info.index_count &&
        info.range.first <= replica.range.last &&
        replica.range.first <= info.range.last;
    if (info.id != replica.partition && !overlaps) continue;
    return model::MakeError(
        Reason::kResourceInUse,
        absl::StrCat("a replica of partition ", replica.partition.value(),
                     " would overlap partition ", info.id.value()));
  }
  return absl::OkStatus();
}

absl::Status ReplicaStoreImpl::CreateReplica(const NewReplica& replica) {
  absl::MutexLock lock(&control_mutex_);
  RETURN_IF_ERROR(Health());
  if (const ReplicaViewPtr view = loop_->View(replica.partition);
      view != nullptr && view->replica == replica.replica) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckRoomFor(replica));
  const bool founds = !replica.founders.empty();
  ReplicaStart start;
  start.replica = replica.replica;
  if (founds) start = FoundingStart(replica.replica, replica.founders);
  ReplicaCreate create;
  create.group = {replica.keyspace, replica.range, replica.epoch,
                  replica.index_count};
  create.replica = {.replica = replica.replica,
                    .applied_term = start.compacted_term,
                    .members = start.members};
  PartitionState state;
  state.info.id = replica.partition;
  state.info.keyspace = replica.keyspace;
  state.info.range = replica.range;
  state.info.epoch = replica.epoch;
  state.info.index_count = replica.index_count;
  state.index = start.applied;
  state.phase = founds ? PartitionPhase::kServing : PartitionPhase::kStaging;
  absl::Notification finished;
  absl::Status result;
  const std::string payload = EncodeReplicaCreate(create);
  replica_log_->Write({storage::RecordKind::kReplicaCreate, replica.partition,
                       start.applied, start.compacted_term, payload},
                      [&, this](const ReplicaLog::Written& written) {
                        replicas_applier_->Call([&, this, written] {
                          result = written.status;
                          if (result.ok()) {
                            result = replicas_applier_->Create(state,
                                                               create.replica);
                            if (!result.ok()) Fence(result);
                          }
                          replica_log_->Release(written.hold);
                          finished.Notify();
                        });
                      });
  finished.WaitForNotification();
  RETURN_IF_ERROR(result);
  loop_->Create(replica.partition, start);
  return absl::OkStatus();
}

absl::Status ReplicaStoreImpl::DropReplica(PartitionId partition,
                                           ReplicaId replica) {
  absl::MutexLock lock(&control_mutex_);
  RETURN_IF_ERROR(Health());
  const ReplicaViewPtr view = loop_->View(partition);
  if (view == nullptr || view->replica != replica) {
    return model::MakeError(
        Reason::kResourceNotFound,
        absl::StrCat("replica ", replica.value(), " is not in this store"));
  }
  loop_->Drop(partition);
  absl::Notification finished;
  absl::Status result;
  replica_log_->Write(
      {storage::RecordKind::kGroupDrop, partition, 0, 0, EncodeDrop(replica)},
      [&, this](const ReplicaLog::Written& written) {
        replicas_applier_->Call([&, this, written] {
          result = written.status;
          if (result.ok()) {
            result = replicas_applier_->MarkDropped(partition);
            if (!result.ok()) Fence(result);
          }
          replica_log_->Release(written.hold);
          finished.Notify();
        });
      });
  finished.WaitForNotification();
  RETURN_IF_ERROR(result);
  replica_log_->Forget(partition);
  housekeeper_.OnDropped();
  return absl::OkStatus();
}

// --- Reading ---

bool ReplicaStoreImpl::IsReadable(PartitionId partition) {
  const std::optional<PartitionState> state = partitions_.Find(partition);
  if (!state.has_value() || state->phase != PartitionPhase::kServing) {
    return false;
  }
  const absl::StatusOr<ReplicaRecord> record = DecodeReplica(state->replica);
  return record.ok() && state->index >= record->serves_from;
}

absl::Status ReplicaStoreImpl::ReadStrong(
    PartitionId partition, absl::Duration patience,
    absl::FunctionRef<absl::Status(storage::ReadTransaction&)> body) {
  RETURN_IF_ERROR(Health());
  const ReplicaViewPtr view = loop_->View(partition);
  if (view == nullptr) {
    return model::MakeError(
        Reason::kResourceNotFound,
        absl::StrCat("partition ", partition.value(), " is not in this store"));
  }
  const uint64_t term = view->serving_term.load(std::memory_order_acquire);
  bool leased = false;
  absl::Status read;
  if (term != 0) {
    read = Read([&](storage::ReadTransaction& rows) -> absl::Status {
      leased = view->HasLease(term, options_.store.clock->Monotonic());
      return leased ? body(rows) : absl::OkStatus();
    });
    if (leased || !read.ok()) return read;
  }
  if (patience <= absl::ZeroDuration()) {
    return NotLedHere(partition, view->leader.load());
  }
  if (!loop_->WaitForRound(partition, patience) || !IsReadable(partition)) {
    return NotLedHere(partition, view->leader.load());
  }
  return Read(body);
}

// --- What is asked ---

std::vector<storage::PartitionInfo> ReplicaStoreImpl::Partitions() {
  std::vector<storage::PartitionInfo> infos;
  for (const PartitionState& state : partitions_.List()) {
    if (state.phase == PartitionPhase::kServing) infos.push_back(state.info);
  }
  return infos;
}

absl::StatusOr<storage::PartitionInfo> ReplicaStoreImpl::Partition(
    PartitionId id) {
  const std::optional<PartitionState> state = partitions_.Find(id);
  if (state.has_value() && state->phase == PartitionPhase::kServing) {
    return state->info;
  }
  return model::MakeError(
      Reason::kResourceNotFound,
      absl::StrCat("partition ", id.value(), " is not in this store"));
}

absl::Status ReplicaStoreImpl::ChangeMembers(
    PartitionId partition, const std::vector<MemberChange>& changes) {
  return loop_->ChangeMembers(partition, changes);
}

absl::Status ReplicaStoreImpl::TransferLeadership(PartitionId partition,
                                                  ReplicaId to) {
  return loop_->TransferLeadership(partition, to);
}

uint64_t ReplicaStoreImpl::ServingTerm(PartitionId partition) {
  const ReplicaViewPtr view = loop_->View(partition);
  return view == nullptr ? 0 : view->serving_term.load();
}

ReplicaId ReplicaStoreImpl::LeaderOf(PartitionId partition) {
  const ReplicaViewPtr view = loop_->View(partition);
  return view == nullptr ? ReplicaId() : view->leader.load();
}

ReplicaInfo ReplicaStoreImpl::InfoOf(const PartitionState& state) {
  ReplicaInfo info;
  info.partition = state.info;
  info.applied = state.index;
  info.serving = IsReadable(state.info.id);
  info.status = loop_->Status(state.info.id);
  return info;
}

absl::StatusOr<ReplicaInfo> ReplicaStoreImpl::Replica(PartitionId partition) {
  const std::optional<PartitionState> state = partitions_.Find(partition);
  if (!state.has_value() || loop_->View(partition) == nullptr) {
    return model::MakeError(
        Reason::kResourceNotFound,
        absl::StrCat("partition ", partition.value(), " is not in this store"));
  }
  return InfoOf(*state);
}

std::vector<ReplicaInfo> ReplicaStoreImpl::Replicas() {
  std::vector<ReplicaInfo> infos;
  for (const PartitionState& state : partitions_.List()) {
    if (loop_->View(state.info.id) != nullptr) infos.push_back(InfoOf(state));
  }
  return infos;
}

absl::Status ReplicaStoreImpl::Verify() {
  replicas_applier_->Drain();
  RETURN_IF_ERROR(applier_->Flush());
  RETURN_IF_ERROR(opened_.image->Verify());
  return storage::VerifyPartitions(*opened_.image);
}

storage::StoreMetrics ReplicaStoreImpl::Metrics() {
  storage::StoreMetrics metrics;
  metrics.batches = proposer_->batches();
  metrics.writes = proposer_->writes();
  metrics.inbox_writes = proposer_->inbox().writes();
  metrics.inbox_bytes = proposer_->inbox().bytes();
  const storage::LogMetrics log = log_->Metrics();
  metrics.log_bytes = log.bytes;
  metrics.syncs = log.syncs;
  metrics.log_segments = log.segments;
  metrics.checkpoints = opened_.checkpoints->completed();
  metrics.image_bytes = opened_.image->usage().allocated_bytes;
  metrics.replayed_frames = replayed_frames_;
  metrics.torn_tails = torn_tail_ ? 1 : 0;
  metrics.memtable_bytes = applier_->backlog().bytes;
  metrics.fenced = !Health().ok();
  return metrics;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReplicaStore>> ReplicaStore::Open(
    ReplicaStoreOptions options) {
  auto store = std::make_unique<ReplicaStoreImpl>(std::move(options));
  RETURN_IF_ERROR(store->Recover());
  return store;
}

}  // namespace pallet::cluster
