// SPDX-License-Identifier: Apache-2.0
#include "client/watch_stream.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "base/status_macros.h"
#include "client/condition_fields.h"
#include "client/wire_fields.h"
#include "model/errors.h"
#include "pallet/wire/v1/change_service.pb.h"

namespace pallet {
namespace {

namespace wire = ::pallet::wire::v1;

constexpr Method kWatch = {"/pallet.v1.ChangeService/Watch", Repeat::kSafe, 0};

std::string Encode(const WatchRequest& request, const std::string& token) {
  wire::WatchRequest message;
  message.set_table_name(request.table);
  if (!request.filter.empty()) {
    message.set_filter_expression(request.filter);
  }
  internal::SetCondition(request.names, request.values, &message);
  if (!request.partition_key.empty()) {
    message.set_partition_key(request.partition_key.Encode());
  }
  if (!token.empty()) {
    message.set_resume_token(token);
  } else {
    if (request.snapshot) message.set_snapshot(true);
    for (const std::string& position : request.positions) {
      message.add_positions(position);
    }
  }
  if (request.heartbeat.has_value()) {
    absl::Duration rest = *request.heartbeat;
    auto* interval = message.mutable_heartbeat_interval();
    interval->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    interval->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  return message.SerializeAsString();
}

absl::StatusOr<Change> ToChange(const wire::Record& record) {
  Change change;
  switch (record.event_name()) {
    case wire::OPERATION_TYPE_MODIFY:
      change.kind = ChangeKind::kModify;
      break;
    case wire::OPERATION_TYPE_REMOVE:
      change.kind = ChangeKind::kRemove;
      break;
    default:
      change.kind = ChangeKind::kInsert;
  }
  const wire::StreamRecord& what = record.dynamodb();
  ASSIGN_OR_RETURN(change.key, Item::Decode(what.keys()));
  if (what.has_old_image()) {
    ASSIGN_OR_RETURN(change.old_item, Item::Decode(what.old_image()));
  }
  if (what.has_new_image()) {
    ASSIGN_OR_RETURN(change.new_item, Item::Decode(what.new_image()));
  }
  change.sequence_number = what.sequence_number();
  change.by_service = record.user_identity().type() == "Service";
  return change;
}

absl::StatusOr<WatchBatch> Decode(absl::string_view encoded) {
  wire::WatchResponse message;
  if (!message.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return model::MakeError(model::Reason::kDataLoss,
                            "the service sent a message that cannot be read");
  }
  WatchBatch batch;
  batch.resume_token = message.resume_token();
  batch.snapshot_complete = message.snapshot_complete();
  for (const wire::Record& record : message.records()) {
    ASSIGN_OR_RETURN(Change change, ToChange(record));
    batch.changes.push_back(std::move(change));
  }
  return batch;
}

// The stream's state. Shared by the stream and the callback under way, because
// the reader may drop the stream while it waits.
class State : public std::enable_shared_from_this<State> {
 public:
  State(RetryContext* context, const WatchRequest& request,
        const CallOptions& options)
      : context_(context),
        deadline_(context->Now() +
                  options.timeout.value_or(absl::InfiniteDuration())),
        request_(request),
        token_(request.resume_token) {}

  void Next(Callback<WatchBatch> done) {
    if (!error_.ok()) return done(error_);
    done_ = std::move(done);
    Read();
  }

  // Nobody will look at what comes.
  void Drop() {
    absl::MutexLock lock(&mutex_);
    dropped_ = true;
    stream_.reset();
  }

 private:
  void Read() {
    const auto self = shared_from_this();
    std::shared_ptr<StubStream> stream;
    {
      absl::MutexLock lock(&mutex_);
      if (dropped_) return;
      if (stream_ == nullptr) {
        stream_ = context_->stub().Stream(kWatch, Encode(request_, token_),
                                          deadline_ - context_->Now());
      }
      stream = stream_;
    }
    stream->Read([self](const Attempt& attempt, bool ended) {
      self->OnRead(attempt, ended);
    });
  }

  void OnRead(const Attempt& attempt, bool ended) {
    if (!attempt.failure.status.ok()) return OnBroken(attempt.failure);
    if (ended) {
      return Fail(model::MakeError(model::Reason::kInternal,
                                   "the service has ended a watch"));
    }
    absl::StatusOr<WatchBatch> batch = Decode(attempt.response);
    if (!batch.ok()) return Fail(batch.status());
    attempt_ = 1;
    token_ = batch->resume_token;
    Answer(std::move(batch));
  }

  void OnBroken(const Failure& failure) {
    ++attempt_;
    const auto wait = context_->Wait(failure, Repeat::kSafe, attempt_);
    if (!wait.has_value() || context_->Now() + *wait >= deadline_) {
      return Fail(failure.status);
    }
    {
      absl::MutexLock lock(&mutex_);
      stream_.reset();
      if (dropped_) return;
    }
    context_->stub().After(*wait,
                           [self = shared_from_this(), failure](bool waited) {
                             waited ? self->Read() : self->Fail(failure.status);
                           });
  }

  void Fail(const absl::Status& status) {
    error_ = status;
    Answer(status);
  }

  void Answer(absl::StatusOr<WatchBatch> answer) {
    Callback<WatchBatch> done = std::move(done_);
    done(std::move(answer));
  }

  RetryContext* const context_;
  const absl::Duration deadline_;
  const WatchRequest request_;
  std::string token_;
  Callback<WatchBatch> done_;
  absl::Status error_;
  int attempt_ = 1;

  absl::Mutex mutex_;
  bool dropped_ ABSL_GUARDED_BY(mutex_) = false;
  // Shared with the read that is about to start.
  std::shared_ptr<StubStream> stream_ ABSL_GUARDED_BY(mutex_);
};

class StubWatch final : public WatchStream {
 public:
  StubWatch(RetryContext* context, std::shared_ptr<Connection> owner,
            const WatchRequest& request, const CallOptions& options)
      : owner_(std::move(owner)),
        state_(std::make_shared<State>(context, request, options)) {}
  ~StubWatch() override { state_->Drop(); }

  void Next(Callback<WatchBatch> done) override {
    state_->Next(std::move(done));
  }

 private:
  const std::shared_ptr<Connection> owner_;
  const std::shared_ptr<State> state_;
};

}  // namespace

absl::StatusOr<WatchBatch> WatchStream::Read() {
  absl::StatusOr<WatchBatch> batch;
  absl::Notification read;
  Next([&](absl::StatusOr<WatchBatch> given) {
    batch = std::move(given);
    read.Notify();
  });
  read.WaitForNotification();
  return batch;
}

std::unique_ptr<WatchStream> OpenWatch(RetryContext* context,
                                       std::shared_ptr<Connection> owner,
                                       const WatchRequest& request,
                                       const CallOptions& options) {
  return std::make_unique<StubWatch>(context, std::move(owner), request,
                                     options);
}

}  // namespace pallet
