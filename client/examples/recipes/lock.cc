// SPDX-License-Identifier: Apache-2.0
//
// A lock with a lease and a fencing token, after Kleppmann, "How to do
// distributed locking" (2016).
//
// A holder that pauses for longer than its lease does not know that it has lost
// the lock: no lock can prevent that. So each holder gets a larger token than the
// one before, and what is guarded takes no writes under a smaller one. With that,
// clocks that differ cost time, never safety.
#include <optional>
#include <utility>

#include "client/examples/recipes/recipe.h"

namespace {

class Lock {
 public:
  Lock(pallet::Client client, std::string table, std::string name,
       absl::Duration lease, recipes::TimeSource now)
      : client_(std::move(client)),
        table_(std::move(table)),
        name_(std::move(name)),
        lease_(lease),
        now_(std::move(now)) {}

  // The fencing token; nullopt if somebody else has the lock.
  absl::StatusOr<std::optional<int64_t>> Acquire(const std::string& owner) {
    const auto taken = client_.UpdateItem(
        {.table = table_,
         .key = {{"name", name_}},
         .update = "SET #o = :me, lease_end = :until ADD fence :one",
         .returned = pallet::ReturnedItem::kNew,
         .condition = "attribute_not_exists(#o) OR lease_end <= :now",
         .names = {{"#o", "owner"}},
         .values = {{":me", owner},
                    {":until", Millis(now_() + lease_)},
                    {":one", 1},
                    {":now", Millis(now_())}}});
    if (taken.ok()) return *taken->item->at("fence").AsNumber()->ToInt64();
    if (recipes::Is(taken.status(),
                    pallet::model::Reason::kConditionalCheckFailed)) {
      return std::nullopt;
    }
    return taken.status();
  }

  // A new lease. False: the lock is lost, and what it guards is somebody else's.
  absl::StatusOr<bool> Renew(int64_t fence) {
    return IfHeld(fence, "SET lease_end = :until",
                  {{":until", Millis(now_() + lease_)}});
  }

  // The count of tokens stays.
  absl::StatusOr<bool> Release(int64_t fence) {
    return IfHeld(fence, "REMOVE #o, lease_end", {});
  }

 private:
  static int64_t Millis(absl::Time time) { return absl::ToUnixMillis(time); }

  absl::StatusOr<bool> IfHeld(int64_t fence, const std::string& update,
                              pallet::Item values) {
    values.Set(":fence", fence);
    pallet::UpdateItemRequest request = {
        .table = table_,
        .key = {{"name", name_}},
        .update = update,
        .condition = "fence = :fence AND attribute_exists(#o)",
        .names = {{"#o", "owner"}},
        .values = std::move(values)};
    const auto done = client_.UpdateItem(request);
    if (done.ok()) return true;
    if (recipes::Is(done.status(),
                    pallet::model::Reason::kConditionalCheckFailed)) {
      return false;
    }
    return done.status();
  }

  pallet::Client client_;
  const std::string table_, name_;
  const absl::Duration lease_;
  const recipes::TimeSource now_;
};

// A write to what the lock guards, which remembers the newest token it has seen.
absl::Status WriteGuarded(pallet::Client& client, int64_t fence,
                          const std::string& text) {
  return client
      .UpdateItem(
          {.table = "recipe_locks",
           .key = {{"name", "the report"}},
           .update = "SET body = :text, fence = :fence",
           .condition = "attribute_not_exists(fence) OR fence <= :fence",
           .values = {{":text", text}, {":fence", fence}}})
      .status();
}

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(client, {.table = "recipe_locks",
                              .key = {.partition = {.name = "name"}}});
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  Lock lock(client, "recipe_locks", "report", absl::Seconds(10),
            [&now] { return now; });

  using recipes::Expect;
  const int64_t first = lock.Acquire("ann").value().value();
  Expect(lock.Acquire("bob").value() == std::nullopt, "ann has it, bob waits");
  now += absl::Seconds(9);
  Expect(lock.Renew(first).value(), "ann keeps it for longer");
  now += absl::Seconds(9);
  Expect(WriteGuarded(client, first, "by ann").ok(), "and writes");

  // Ann stops for a while.
  now += absl::Seconds(2);
  const int64_t second = lock.Acquire("bob").value().value();
  Expect(second > first, "bob has it, with a larger token");
  Expect(WriteGuarded(client, second, "by bob").ok(), "and writes");
  Expect(recipes::Is(WriteGuarded(client, first, "by ann, late"),
                     pallet::model::Reason::kConditionalCheckFailed),
         "what ann sends late is refused");
  Expect(!lock.Renew(first).value(), "ann learns that she lost it");
  Expect(lock.Release(second).value(), "bob gives it back");
  Expect(lock.Acquire("cid").value() > second, "cid gets it at once");
  return EXIT_SUCCESS;
}
