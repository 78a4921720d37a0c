// SPDX-License-Identifier: Apache-2.0
#include "service/handlers/freshness.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "model/errors.h"

namespace pallet::service {
namespace {

constexpr int kMaxPositions = 100;

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

absl::Status Invalid(absl::string_view what) {
  return model::ValidationError(
      absl::StrCat("One or more parameter values were invalid: ", what));
}

}  // namespace

absl::StatusOr<FreshnessGoal> FreshnessOf(
    const wire::v1::Freshness& freshness) {
  FreshnessGoal goal;
  goal.strong = freshness.strong();
  if (freshness.positions_size() > kMaxPositions) {
    return Invalid("freshness takes at most 100 positions");
  }
  for (const std::string& bytes : freshness.positions()) {
    ASSIGN_OR_RETURN(Position position, DecodePosition(bytes));
    goal.positions.push_back(position);
  }
  if (freshness.has_max_staleness()) {
    goal.max_staleness = FromProto(freshness.max_staleness());
    if (goal.max_staleness < absl::ZeroDuration()) {
      return Invalid("max_staleness is negative");
    }
  }
  return goal;
}

namespace {

class DelayedSource final : public PageSource {
 public:
  DelayedSource(
      absl::AnyInvocable<void(absl::AnyInvocable<void(absl::Status)>)> wait,
      std::unique_ptr<PageSource> pages)
      : wait_(std::move(wait)), pages_(std::move(pages)) {}

  absl::StatusOr<std::optional<std::string>> Next() override {
    if (wait_ != nullptr) {
      RETURN_IF_ERROR(Wait());
      wait_ = nullptr;
    }
    return pages_->Next();
  }

 private:
  absl::Status Wait() {
    absl::Notification done;
    absl::Status status;
    wait_([&](absl::Status result) {
      status = std::move(result);
      done.Notify();
    });
    done.WaitForNotification();
    return status;
  }

  absl::AnyInvocable<void(absl::AnyInvocable<void(absl::Status)>)> wait_;
  const std::unique_ptr<PageSource> pages_;
};

}  // namespace

std::unique_ptr<PageSource> DelayedPages(
    absl::AnyInvocable<void(absl::AnyInvocable<void(absl::Status)>)> wait,
    std::unique_ptr<PageSource> pages) {
  return std::make_unique<DelayedSource>(std::move(wait), std::move(pages));
}

void AwaitFreshness(const HandlerOptions& options,
                    const std::string* table_name,
                    const std::string* index_name,
                    const wire::v1::Freshness& freshness,
                    const CallContext& context,
                    absl::AnyInvocable<void(absl::Status)> go_on) {
  absl::StatusOr<FreshnessGoal> goal = FreshnessOf(freshness);
  if (!goal.ok()) return go_on(goal.status());
  absl::Duration deadline = context.deadline;
  if (freshness.has_max_wait()) {
    const absl::Duration wait = FromProto(freshness.max_wait());
    if (wait < absl::ZeroDuration()) {
      return go_on(Invalid("max_wait is negative"));
    }
    deadline = std::min(deadline, context.clock->Monotonic() + wait);
  }
  const absl::StatusOr<std::string> name = TableOfItemRequest(table_name);
  if (options.index_keeper == nullptr || !name.ok() || index_name == nullptr) {
    return go_on(absl::OkStatus());
  }
  const cluster::TablePtr table = options.host->FindTable(*name);
  const cluster::GlobalIndex* index =
      table == nullptr ? nullptr : table->FindGlobalIndex(*index_name);
  if (index == nullptr || index->state != cluster::IndexState::kActive) {
    return go_on(absl::OkStatus());
  }
  options.index_keeper->AwaitFresh(table, *index, *goal, deadline,
                                   std::move(go_on));
}

}  // namespace pallet::service
