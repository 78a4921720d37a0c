// SPDX-License-Identifier: Apache-2.0
//
// At most so many requests of each caller in each window of time, over all
// processes, exactly: counting and refusing are one conditional update.
//
// A window is an item of its own, so there is nothing to reset, and TTL takes old
// ones away. Windows are fixed: twice the limit can pass around a border.
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/examples/recipes/recipe.h"

namespace {

class RateLimiter {
 public:
  struct Options {
    int limit = 100;
    absl::Duration window = absl::Minutes(1);
  };

  RateLimiter(pallet::Client client, std::string table, Options options,
              recipes::TimeSource now)
      : client_(std::move(client)),
        table_(std::move(table)),
        options_(options),
        now_(std::move(now)) {}

  // Whether the caller may go on. One round trip either way.
  absl::StatusOr<bool> Allow(const std::string& who) {
    const int64_t length = absl::ToInt64Seconds(options_.window);
    const int64_t window = absl::ToUnixSeconds(now_()) / length;
    const auto counted = client_.UpdateItem(
        {.table = table_,
         .key = {{"window", absl::StrCat(who, "#", window)}},
         .update = "SET expires = :e ADD n :one",
         .condition = "attribute_not_exists(n) OR n < :limit",
         .values = {{":e", (window + 2) * length},
                    {":one", 1},
                    {":limit", options_.limit}}});
    if (counted.ok()) return true;
    if (recipes::Is(counted.status(),
                    pallet::model::Reason::kConditionalCheckFailed)) {
      return false;
    }
    return counted.status();
  }

 private:
  pallet::Client client_;
  const std::string table_;
  const Options options_;
  const recipes::TimeSource now_;
};

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(client, {.table = "recipe_rates",
                              .key = {.partition = {.name = "window"}}});
  recipes::LetExpire(client, "recipe_rates");
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  RateLimiter limiter(client, "recipe_rates",
                      {.limit = 3, .window = absl::Minutes(1)},
                      [&now] { return now; });

  using recipes::Expect;
  for (int i = 0; i < 3; ++i) {
    Expect(limiter.Allow("ann").value(), "one of three");
  }
  Expect(!limiter.Allow("ann").value(), "the fourth is refused");
  Expect(limiter.Allow("bob").value(), "bob has his own");
  now += absl::Minutes(1);
  Expect(limiter.Allow("ann").value(), "a minute later ann goes on");
  return EXIT_SUCCESS;
}
