// SPDX-License-Identifier: Apache-2.0
#include "client/item_range.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace pallet {
namespace {

// Query and Scan page alike: the next page begins behind the last key.
template <typename Request>
class RequestedPages final : public PageStream {
 public:
  RequestedPages(std::shared_ptr<Connection> connection, Request request,
                 const CallOptions& options)
      : connection_(std::move(connection)),
        options_(options),
        state_(std::make_shared<State>()) {
    state_->request = std::move(request);
  }

  void Next(Callback<std::optional<ItemPage>> done) override {
    if (!state_->error.ok()) return done(state_->error);
    if (state_->ended) return done(std::nullopt);
    connection_->Call(state_->request, options_,
                      [state = state_, done = std::move(done)](
                          absl::StatusOr<ItemPage> page) mutable {
                        if (!page.ok()) {
                          state->error = page.status();
                          return done(page.status());
                        }
                        state->request.start_key = page->last_key;
                        state->ended = page->last_key.empty();
                        done(*std::move(page));
                      });
  }

 private:
  struct State {
    Request request;
    absl::Status error;
    bool ended = false;
  };

  // Shared: a range may outlive the client it came from.
  const std::shared_ptr<Connection> connection_;
  const CallOptions options_;
  // Shared with the call under way, which may outlive this stream.
  const std::shared_ptr<State> state_;
};

}  // namespace

ItemRange::ItemRange(std::unique_ptr<PageStream> pages)
    : pages_(std::move(pages)) {}

ItemRange::Iterator ItemRange::begin() {
  Iterator first(this);
  return current_.has_value() ? first : ++first;
}

ItemRange::Iterator& ItemRange::Iterator::operator++() {
  if (!range_->Advance()) range_ = nullptr;
  return *this;
}

bool ItemRange::Advance() {
  current_.reset();
  while (!ended_) {
    if (next_ < page_.items.size()) {
      current_ = std::move(page_.items[next_++]);
      return true;
    }
    absl::StatusOr<std::optional<ItemPage>> page;
    absl::Notification answered;
    pages_->Next([&](absl::StatusOr<std::optional<ItemPage>> result) {
      page = std::move(result);
      answered.Notify();
    });
    answered.WaitForNotification();
    if (!page.ok()) {
      ended_ = true;
      current_ = page.status();
      return true;
    }
    ended_ = !page->has_value();
    if (!ended_) {
      page_ = **std::move(page);
      next_ = 0;
    }
  }
  return false;
}

std::unique_ptr<PageStream> PagesOf(std::shared_ptr<Connection> connection,
                                    QueryRequest request,
                                    const CallOptions& options) {
  return std::make_unique<RequestedPages<QueryRequest>>(
      std::move(connection), std::move(request), options);
}

std::unique_ptr<PageStream> PagesOf(std::shared_ptr<Connection> connection,
                                    ScanRequest request,
                                    const CallOptions& options) {
  return std::make_unique<RequestedPages<ScanRequest>>(
      std::move(connection), std::move(request), options);
}

}  // namespace pallet
