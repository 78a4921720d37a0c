// SPDX-License-Identifier: Apache-2.0
#include "storage/store.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "storage/admission.h"
#include "storage/applier.h"
#include "storage/checkpoint.h"
#include "storage/housekeeper.h"
#include "storage/image.h"
#include "storage/log.h"
#include "storage/log_recovery.h"
#include "storage/partition_table.h"
#include "storage/replay.h"
#include "storage/store_limits.h"
#include "storage/verifier.h"
#include "storage/write_pipeline.h"

namespace pallet::storage {
namespace {

class StoreImpl final : public Store, private Housekept {
 public:
  explicit StoreImpl(StoreOptions options) : options_(std::move(options)) {}
  ~StoreImpl() override;

  absl::Status Recover();

  absl::Status Submit(std::unique_ptr<RowWrite> write) override {
    return pipeline_->Submit(std::move(write));
  }
  absl::Status Read(
      absl::FunctionRef<absl::Status(ReadTransaction&)> body) override;
  absl::Status CreatePartition(PartitionId id, KeyspaceId keyspace,
                               HashRange range, uint32_t index_count) override;
  absl::Status DropPartition(PartitionId id) override;
  std::vector<PartitionInfo> Partitions() override;
  absl::StatusOr<PartitionInfo> Partition(PartitionId id) override;
  void SetChangeListener(ChangeListener* listener) override {
    pipeline_->SetChangeListener(listener);
  }
  void SetStreamListener(StreamListener* listener) override {
    pipeline_->SetStreamListener(listener);
  }
  absl::Status Checkpoint() override { return housekeeper_.Checkpoint(); }
  absl::Status Verify() override;
  absl::Status Health() override { return pipeline_->Health(); }
  StoreMetrics Metrics() override;

 private:
  // Housekept.
  absl::Status Submit(ControlOperation operation) override {
    return pipeline_->Submit(std::move(operation));
  }
  void Fence(const absl::Status& cause) override { pipeline_->Fence(cause); }

  std::string LogDirectory() const { return options_.directory + "/log"; }
  absl::Status PrepareDirectories();
  absl::Status OpenImage();
  absl::StatusOr<RecoveredLog> ReplayLog();
  absl::Status OpenLog(const RecoveredLog& recovered);
  void Start(const RecoveredLog& recovered);
  void LookAtAllocatedPages();
  absl::Status RunControl(ControlOperation operation);
  absl::Status Close();

  const StoreOptions options_;
  std::unique_ptr<FileLock> lock_;
  OpenedImage opened_;
  PartitionTable partitions_;
  std::unique_ptr<Log> log_;
  uint64_t replayed_frames_ = 0;
  bool torn_tail_ = false;
  std::atomic<uint64_t> log_bytes_seen_{0};  // when it was last too long
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Applier> applier_;
  Housekeeper housekeeper_;
  std::unique_ptr<WritePipeline> pipeline_;
};

absl::Status StoreImpl::Recover() {
  RETURN_IF_ERROR(PrepareDirectories());
  RETURN_IF_ERROR(OpenImage());
  ASSIGN_OR_RETURN(const RecoveredLog recovered, ReplayLog());
  RETURN_IF_ERROR(OpenLog(recovered));
  Start(recovered);
  return absl::OkStatus();
}

absl::Status StoreImpl::PrepareDirectories() {
  FileSystem& files = *options_.file_system;
  RETURN_IF_ERROR(files.CreateDirectory(options_.directory));
  RETURN_IF_ERROR(files.SyncDirectory(DirectoryOf(options_.directory)));
  ASSIGN_OR_RETURN(lock_, files.Lock(options_.directory + "/LOCK"));
  RETURN_IF_ERROR(files.CreateDirectory(LogDirectory()));
  return files.SyncDirectory(options_.directory);
}

absl::Status StoreImpl::OpenImage() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   options_.file_system->List(LogDirectory()));
  CheckpointOptions checkpoint;
  checkpoint.directory = options_.directory;
  checkpoint.file_system = options_.file_system;
  checkpoint.map_size = options_.map_size;
  checkpoint.max_readers = options_.max_readers;
  // A store is born with its first checkpoint; the log comes after.
  checkpoint.may_create = std::none_of(
      names.begin(), names.end(),
      [](const std::string& name) { return absl::EndsWith(name, ".log"); });
  checkpoint.new_uuid = RealEntropy(16);
  ASSIGN_OR_RETURN(opened_, Checkpoints::Open(checkpoint));
  return absl::OkStatus();
}

absl::StatusOr<RecoveredLog> StoreImpl::ReplayLog() {
  ASSIGN_OR_RETURN(Replay replay, Replay::Begin(opened_.image.get()));
  ASSIGN_OR_RETURN(RecoveredLog recovered,
                   RecoverLog(options_.file_system, LogDirectory(),
                              FrameNumber(opened_.contents.log_frame),
                              [&](const FrameView& frame) {
                                return replay.Deliver(frame);
                              }));
  RETURN_IF_ERROR(replay.Finish());
  for (const PartitionState& state : replay.partitions()) {
    partitions_.Set(state);
  }
  replayed_frames_ = replay.frames();
  torn_tail_ = recovered.torn_tail;
  return recovered;
}

absl::Status StoreImpl::OpenLog(const RecoveredLog& recovered) {
  LogOptions log;
  log.directory = LogDirectory();
  log.file_system = options_.file_system;
  log.logger = options_.logger;
  log.segment_bytes = options_.segment_bytes;
  log.first_segment_bytes =
      std::min(log.first_segment_bytes, log.segment_bytes);
  ASSIGN_OR_RETURN(log_, Log::Open(log, recovered));
  return absl::OkStatus();
}

void StoreImpl::Start(const RecoveredLog& recovered) {
  admission_ = std::make_unique<Admission>(
      Admission::Options{options_.directory, options_.free_disk_reserve,
                         options_.clock, options_.file_system},
      opened_.image.get(), opened_.checkpoints.get());
  Applier::Options applier = ApplierOptionsOf(options_);
  applier.applied_frame =
      std::max(recovered.last_frame, FrameNumber(opened_.contents.log_frame));
  applier.on_applied = [this] { LookAtAllocatedPages(); };
  applier.on_failed = [this](const absl::Status& error) {
    pipeline_->Fence(error);
  };
  applier_ = std::make_unique<Applier>(opened_.image.get(), std::move(applier));
  WritePipeline::Options pipeline;
  pipeline.inbox = {options_.inbox_bytes, options_.inbox_writes,
                    options_.batch_bytes, options_.batch_writes};
  pipeline_ = std::make_unique<WritePipeline>(
      WritePipeline::Parts{applier_.get(), log_.get(), &partitions_,
                           admission_.get(), &housekeeper_, options_.logger},
      pipeline);
  applier_->Start();
  housekeeper_.Start({opened_.checkpoints.get(), log_.get(), &partitions_,
                      applier_.get(), this, options_.clock, options_.logger},
                     FrameNumber(opened_.contents.log_frame));
  pipeline_->Start();
  // A long replay has used pages as writes do.
  LookAtAllocatedPages();
}

void StoreImpl::LookAtAllocatedPages() {
  const absl::StatusOr<uint64_t> allocated =
      opened_.checkpoints->AllocatedBytes();
  const uint64_t due =
      CheckpointBytesOf(options_, opened_.checkpoints->LiveBytes());
  // Rows that change again and again take few pages and much log.
  const uint64_t log_bytes = log_->Metrics().bytes;
  const bool long_log =
      log_bytes - log_bytes_seen_.load() >= options_.checkpoint_bytes;
  if (long_log) log_bytes_seen_.store(log_bytes);
  if (long_log || (allocated.ok() && *allocated >= due)) {
    housekeeper_.OnCheckpointDue();
  }
}

StoreImpl::~StoreImpl() {
  if (pipeline_ == nullptr) return;  // recovery failed
  const absl::Status closed = Close();
  if (!closed.ok()) {
    options_.logger->Warning("store.close_failed", {{"error", closed}});
  }
}

absl::Status StoreImpl::Close() {
  housekeeper_.Stop();
  pipeline_->Stop();
  applier_->Stop();
  // The state of a fenced store is decided by its next start.
  RETURN_IF_ERROR(pipeline_->Health());
  RETURN_IF_ERROR(housekeeper_.CheckpointIfChanged());
  return log_->Close();
}

absl::Status StoreImpl::Read(
    absl::FunctionRef<absl::Status(ReadTransaction&)> body) {
  return applier_->Read(body);
}

absl::Status StoreImpl::RunControl(ControlOperation operation) {
  absl::Notification finished;
  absl::Status result;
  operation.done = [&](absl::Status status) {
    result = std::move(status);
    finished.Notify();
  };
  RETURN_IF_ERROR(pipeline_->Submit(std::move(operation)));
  finished.WaitForNotification();
  return result;
}

absl::Status StoreImpl::CreatePartition(PartitionId id, KeyspaceId keyspace,
                                        HashRange range, uint32_t index_count) {
  CHECK_LE(index_count, kMaxLocalIndexes);
  ControlOperation create;
  create.kind = ControlOperation::Kind::kCreatePartition;
  create.partition = id;
  create.keyspace = keyspace;
  create.range = range;
  create.index_count = index_count;
  return RunControl(std::move(create));
}

absl::Status StoreImpl::DropPartition(PartitionId id) {
  ControlOperation drop;
  drop.kind = ControlOperation::Kind::kDropPartition;
  drop.partition = id;
  RETURN_IF_ERROR(RunControl(std::move(drop)));
  housekeeper_.OnDropped();
  return absl::OkStatus();
}

std::vector<PartitionInfo> StoreImpl::Partitions() {
  std::vector<PartitionInfo> infos;
  for (const PartitionState& state : partitions_.List()) {
    if (state.phase == PartitionPhase::kServing) infos.push_back(state.info);
  }
  return infos;
}

absl::StatusOr<PartitionInfo> StoreImpl::Partition(PartitionId id) {
  const std::optional<PartitionState> state = partitions_.Find(id);
  if (state.has_value() && state->phase == PartitionPhase::kServing) {
    return state->info;
  }
  return model::MakeError(
      model::Reason::kResourceNotFound,
      absl::StrCat("partition ", id.value(), " is not in this store"));
}

absl::Status StoreImpl::Verify() {
  RETURN_IF_ERROR(applier_->Flush());
  RETURN_IF_ERROR(opened_.image->Verify());
  return VerifyPartitions(*opened_.image);
}

StoreMetrics StoreImpl::Metrics() {
  StoreMetrics metrics;
  const WritePipeline::Counters pipeline = pipeline_->counters();
  metrics.batches = pipeline.batches;
  metrics.writes = pipeline.writes;
  metrics.inbox_writes = pipeline.inbox_writes;
  metrics.inbox_bytes = pipeline.inbox_bytes;
  const LogMetrics log = log_->Metrics();
  metrics.log_bytes = log.bytes;
  metrics.syncs = log.syncs;
  metrics.log_segments = log.segments;
  metrics.checkpoints = opened_.checkpoints->completed();
  metrics.image_bytes = opened_.image->usage().allocated_bytes;
  metrics.replayed_frames = replayed_frames_;
  metrics.torn_tails = torn_tail_ ? 1 : 0;
  metrics.memtable_bytes = applier_->backlog().bytes;
  metrics.fenced = !pipeline_->Health().ok();
  return metrics;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  auto store = std::make_unique<StoreImpl>(std::move(options));
  RETURN_IF_ERROR(store->Recover());
  return store;
}

}  // namespace pallet::storage
