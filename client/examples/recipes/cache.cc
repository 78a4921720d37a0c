// SPDX-License-Identifier: Apache-2.0
//
// A cache that many processes share: what is put has a time to live.
//
// An item past its time is not given out, to the second, although it may still be
// there; TTL of the table (README) takes such items away. So nobody needs to be
// punctual, and a cache that is read rarely does not grow.
#include <optional>
#include <utility>

#include "client/examples/recipes/recipe.h"

namespace {

class Cache {
 public:
  Cache(pallet::Client client, std::string table, recipes::TimeSource now)
      : client_(std::move(client)),
        table_(std::move(table)),
        now_(std::move(now)) {}

  absl::Status Put(const std::string& key, const std::string& value,
                   absl::Duration time_to_live) {
    return client_
        .PutItem(
            {.table = table_,
             .item = {{"key", key},
                      {"value", value},
                      {"expires", absl::ToUnixSeconds(now_() + time_to_live)}}})
        .status();
  }

  // nullopt: not there, or no longer good. The default read may be a moment old,
  // as caches are.
  absl::StatusOr<std::optional<std::string>> Get(const std::string& key) {
    auto found = client_.GetItem({.table = table_, .key = {{"key", key}}});
    if (!found.ok()) return found.status();
    if (!found->item.has_value()) return std::nullopt;
    const auto expires = found->item->at("expires").AsNumber()->ToInt64();
    if (expires <= absl::ToUnixSeconds(now_())) return std::nullopt;
    return *found->item->at("value").AsString();
  }

 private:
  pallet::Client client_;
  const std::string table_;
  const recipes::TimeSource now_;
};

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(
      client, {.table = "recipe_cache", .key = {.partition = {.name = "key"}}});
  recipes::LetExpire(client, "recipe_cache");
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  Cache cache(client, "recipe_cache", [&now] { return now; });

  using recipes::Expect;
  Expect(cache.Get("page").value() == std::nullopt, "empty at first");
  if (!cache.Put("page", "<html>", absl::Minutes(1)).ok()) return EXIT_FAILURE;
  Expect(cache.Get("page").value() == "<html>", "found within its minute");
  now += absl::Seconds(59);
  Expect(cache.Get("page").value() == "<html>", "and in its last second");
  now += absl::Seconds(1);
  Expect(cache.Get("page").value() == std::nullopt, "and then no more");
  return EXIT_SUCCESS;
}
