// SPDX-License-Identifier: Apache-2.0
#include "client/stream_pages.h"

#include <utility>

#include "absl/time/time.h"
#include "client/codec.h"
#include "model/errors.h"

namespace pallet {
namespace {

const Method& StreamMethod(const QueryRequest&) {
  return internal::kStreamQuery;
}
const Method& StreamMethod(const ScanRequest&) { return internal::kStreamScan; }

// The stream's state. Shared by the stream and the callback under way, because
// the reader may drop the stream while it waits.
template <typename Request>
class State : public std::enable_shared_from_this<State<Request>> {
 public:
  using Done = Callback<std::optional<ItemPage>>;

  State(RetryContext* context, const Request& request,
        const CallOptions& options)
      : context_(context),
        deadline_(context->Now() +
                  options.timeout.value_or(absl::InfiniteDuration())),
        request_(request) {}

  void Next(Done done) {
    if (!error_.ok()) return done(error_);
    if (ended_) return done(std::nullopt);
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
    auto self = this->shared_from_this();
    std::shared_ptr<StubStream> stream;
    {
      absl::MutexLock lock(&mutex_);
      if (dropped_) return;
      if (stream_ == nullptr) {
        stream_ = context_->stub().Stream(
            StreamMethod(request_),
            internal::EncodeStream(request_, resume_token_),
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
      ended_ = true;
      return Answer(std::nullopt);
    }
    absl::StatusOr<internal::StreamedPage> page =
        internal::DecodeStreamed(attempt.response);
    if (!page.ok()) return Fail(page.status());
    attempt_ = 1;
    resume_token_ = std::move(page->resume_token);
    ended_ = resume_token_.empty();
    if (request_.limit.has_value()) {
      *request_.limit -= page->page.scanned_count;
    }
    Answer(std::move(page->page));
  }

  void OnBroken(const Failure& failure) {
    // Nothing is left to be read: the stream broke at its very end.
    if (request_.limit.has_value() && *request_.limit <= 0) {
      ended_ = true;
      return Answer(std::nullopt);
    }
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
    context_->stub().After(
        *wait, [self = this->shared_from_this(), failure](bool waited) {
          waited ? self->Read() : self->Fail(failure.status);
        });
  }

  void Fail(const absl::Status& status) {
    error_ = status;
    Answer(status);
  }

  void Answer(absl::StatusOr<std::optional<ItemPage>> answer) {
    Done done = std::move(done_);
    done(std::move(answer));
  }

  RetryContext* const context_;
  const absl::Duration deadline_;
  Request request_;
  std::string resume_token_;
  Done done_;
  absl::Status error_;
  bool ended_ = false;
  int attempt_ = 1;

  absl::Mutex mutex_;
  bool dropped_ ABSL_GUARDED_BY(mutex_) = false;
  // Shared with the read that is about to start.
  std::shared_ptr<StubStream> stream_ ABSL_GUARDED_BY(mutex_);
};

template <typename Request>
class Pages final : public PageStream {
 public:
  Pages(RetryContext* context, std::shared_ptr<Connection> owner,
        const Request& request, const CallOptions& options)
      : owner_(std::move(owner)),
        state_(std::make_shared<State<Request>>(context, request, options)) {}
  ~Pages() override { state_->Drop(); }

  void Next(Callback<std::optional<ItemPage>> done) override {
    state_->Next(std::move(done));
  }

 private:
  const std::shared_ptr<Connection> owner_;
  const std::shared_ptr<State<Request>> state_;
};

}  // namespace

std::unique_ptr<PageStream> StreamPages(RetryContext* context,
                                        std::shared_ptr<Connection> owner,
                                        const QueryRequest& request,
                                        const CallOptions& options) {
  return std::make_unique<Pages<QueryRequest>>(context, std::move(owner),
                                               request, options);
}

std::unique_ptr<PageStream> StreamPages(RetryContext* context,
                                        std::shared_ptr<Connection> owner,
                                        const ScanRequest& request,
                                        const CallOptions& options) {
  return std::make_unique<Pages<ScanRequest>>(context, std::move(owner),
                                              request, options);
}

}  // namespace pallet
