// SPDX-License-Identifier: Apache-2.0
#include "client/batch_loop.h"

#include <iterator>
#include <memory>
#include <utility>

#include "client/codec.h"
#include "model/errors.h"

namespace pallet {
namespace {

size_t CountOf(const std::map<std::string, BatchGetKeys>& tables) {
  size_t count = 0;
  for (const auto& [table, keys] : tables) count += keys.keys.size();
  return count;
}

size_t CountOf(const std::map<std::string, BatchWrites>& tables) {
  size_t count = 0;
  for (const auto& [table, writes] : tables) count += writes.size();
  return count;
}

void Collect(BatchGetResponse&& round, BatchGetResponse* all) {
  for (auto& [table, items] : round.items) {
    std::vector<Item>& collected = all->items[table];
    std::move(items.begin(), items.end(), std::back_inserter(collected));
  }
}
void Collect(BatchWriteResponse&& round, BatchWriteResponse* all) {
  std::move(round.positions.begin(), round.positions.end(),
            std::back_inserter(all->positions));
}

// Owns itself, as RetryLoop does; each round is a RetryLoop of its own.
template <typename Request>
class BatchLoop {
 public:
  using Response = ResponseOf<Request>;

  BatchLoop(RetryContext* context, absl::Duration timeout,
            Callback<Response> done)
      : context_(context),
        deadline_(context->Now() + timeout),
        done_(std::move(done)) {}

  void StartRound(const Request& request) {
    asked_ = CountOf(request.tables);
    RetryLoop::Start(context_, internal::MethodOf<Request>(),
                     internal::Encode(request), deadline_ - context_->Now(),
                     [this](absl::StatusOr<absl::string_view> response) {
                       if (!response.ok()) return Finish(response.status());
                       OnRound(internal::Decode<Request>(*response));
                     });
  }

 private:
  void OnRound(absl::StatusOr<Response> round) {
    if (!round.ok()) return Finish(round.status());
    Request rest{.tables = std::move(round->unprocessed)};
    Collect(*std::move(round), &collected_);
    const size_t left = CountOf(rest.tables);
    if (left == 0) return Finish(std::move(collected_));
    attempt_ = left < asked_ ? 2 : attempt_ + 1;
    static const Failure kBusy = {
        model::MakeError(model::Reason::kThrottling, "unprocessed")};
    const auto wait = context_->Wait(kBusy, Repeat::kSafe, attempt_);
    if (!wait.has_value() || context_->Now() + *wait >= deadline_) {
      return FinishWith(std::move(rest));
    }
    context_->stub().After(
        *wait, [this, rest = std::move(rest)](bool waited) mutable {
          waited ? StartRound(rest) : FinishWith(std::move(rest));
        });
  }

  void FinishWith(Request rest) {
    collected_.unprocessed = std::move(rest.tables);
    Finish(std::move(collected_));
  }

  void Finish(absl::StatusOr<Response> response) {
    const std::unique_ptr<BatchLoop> self(this);
    done_(std::move(response));
  }

  RetryContext* const context_;
  const absl::Duration deadline_;
  Callback<Response> done_;
  Response collected_;
  size_t asked_ = 0;  // in this round
  int attempt_ = 1;   // without progress
};

}  // namespace

void StartBatch(RetryContext* context, const BatchGetRequest& request,
                absl::Duration timeout, Callback<BatchGetResponse> done) {
  (new BatchLoop<BatchGetRequest>(context, timeout, std::move(done)))
      ->StartRound(request);
}

void StartBatch(RetryContext* context, const BatchWriteRequest& request,
                absl::Duration timeout, Callback<BatchWriteResponse> done) {
  (new BatchLoop<BatchWriteRequest>(context, timeout, std::move(done)))
      ->StartRound(request);
}

}  // namespace pallet
