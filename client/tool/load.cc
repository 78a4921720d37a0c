// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/tool/commands.h"
#include "client/tool/item_file.h"
#include "client/tool/progress.h"
#include "client/tool/text_table.h"
#include "model/errors.h"

namespace pallet::tool {
namespace {

// Puts items, a bounded number at a time. To put the same item again is safe
// here: a load is the only writer it speaks for.
class Loader {
 public:
  Loader(Client* client, const LoadOptions& options)
      : client_(*client), options_(options) {}
  ~Loader() { Wait(); }

  // Waits for room. An error once too many puts have failed.
  absl::Status Put(Item item) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Loader::HasRoom));
      if (failed_ > options_.max_errors) return first_error_;
      ++under_way_;
    }
    Start(std::make_shared<PutItemRequest>(
              PutItemRequest{.table = options_.table, .item = std::move(item)}),
          kAttempts);
    return absl::OkStatus();
  }

  void Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Loader::IsIdle));
  }

  int64_t written() const {
    absl::MutexLock lock(&mutex_);
    return written_;
  }
  int64_t failed() const {
    absl::MutexLock lock(&mutex_);
    return failed_;
  }
  absl::Status first_error() const {
    absl::MutexLock lock(&mutex_);
    return first_error_;
  }

 private:
  static constexpr int kAttempts = 5;

  // The request is shared with its repetitions.
  void Start(std::shared_ptr<const PutItemRequest> request, int attempts) {
    const PutItemRequest& put = *request;
    client_.PutItemAsync(put, [this, request = std::move(request), attempts](
                                  absl::StatusOr<PutItemResponse> response) {
      if (!response.ok() && attempts > 1 &&
          model::ReasonOf(response.status()) ==
              model::Reason::kOutcomeUnknown) {
        return Start(request, attempts - 1);
      }
      absl::MutexLock lock(&mutex_);
      --under_way_;
      response.ok() ? ++written_ : ++failed_;
      if (!response.ok() && first_error_.ok()) {
        first_error_ = response.status();
      }
    });
  }

  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return under_way_ < options_.in_flight;
  }
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return under_way_ == 0;
  }

  Client& client_;
  const LoadOptions& options_;
  mutable absl::Mutex mutex_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status first_error_ ABSL_GUARDED_BY(mutex_);
};

std::string NameOfFile(const std::string& path) {
  return path == "-" ? "standard input" : path.substr(path.rfind('/') + 1);
}

}  // namespace

int Load(Session& session, const LoadOptions& options) {
  const auto table = session.client.DescribeTable({.table = options.table});
  if (!table.ok()) return session.output.Fail(table.status());

  Loader loader(&session.client, options);
  std::unique_ptr<Progress> progress;
  int64_t read = 0;
  const absl::Status status = ReadItemFile(
      {.path = options.file,
       .format = options.format,
       .json_style = session.json_style,
       .key = table->key,
       .numbers = options.numbers},
      [&](Item item, const ItemFilePosition& position) {
        if (progress == nullptr) {
          progress = std::make_unique<Progress>(
              session.clock, NameOfFile(options.file), position.total);
        }
        progress->Update(position.done, ++read);
        return loader.Put(std::move(item));
      });
  loader.Wait();
  if (progress != nullptr) progress->Finish(loader.written());
  if (loader.failed() > 0) {
    session.output.Say(
        absl::StrCat(WithThousands(loader.failed()), " items failed; first:"));
    return session.output.Fail(loader.first_error());
  }
  return status.ok() ? kDone : session.output.Fail(status);
}

}  // namespace pallet::tool
