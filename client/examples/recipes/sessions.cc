// SPDX-License-Identifier: Apache-2.0
//
// Sessions of signed-in users: each lives as long as it is used, ends when its
// user signs out, and a user can sign out everywhere.
//
// A session that is over stays over: touching it is conditional, so no slow
// request brings it back. An index finds the sessions of a user.
#include <optional>
#include <utility>

#include "client/examples/recipes/recipe.h"

namespace {

constexpr absl::Duration kIdle = absl::Minutes(30);

class Sessions {
 public:
  Sessions(pallet::Client client, std::string table, recipes::TimeSource now)
      : client_(std::move(client)),
        table_(std::move(table)),
        now_(std::move(now)) {}

  static pallet::CreateTableRequest TableOf(const std::string& name) {
    return {
        .table = name,
        .key = {.partition = {.name = "id"}},
        .global_indexes = {{.name = "by-user",
                            .partition = {{.name = "user"}},
                            .projection = pallet::IndexProjection::kKeysOnly}}};
  }

  // `id` is 128 bits or more from a cryptographic source. The condition makes
  // sure that no id is given out twice.
  absl::Status Begin(const std::string& id, const std::string& user) {
    return client_
        .PutItem({.table = table_,
                  .item = {{"id", id}, {"user", user}, {"expires", Until()}},
                  .condition = "attribute_not_exists(id)"})
        .status();
  }

  // Whose session it is, which now lives on; nullopt if it is over.
  absl::StatusOr<std::optional<std::string>> Touch(const std::string& id) {
    const auto touched = client_.UpdateItem(
        {.table = table_,
         .key = {{"id", id}},
         .update = "SET expires = :until",
         .returned = pallet::ReturnedItem::kNew,
         .condition = "expires > :now",  // false, too, if there is none
         .values = {{":until", Until()}, {":now", Now()}}});
    if (touched.ok()) return *touched->item->at("user").AsString();
    if (recipes::Is(touched.status(),
                    pallet::model::Reason::kConditionalCheckFailed)) {
      return std::nullopt;
    }
    return touched.status();
  }

  absl::Status End(const std::string& id) {
    return client_.DeleteItem({.table = table_, .key = {{"id", id}}}).status();
  }

  // The strong read of the index knows of every session that has begun.
  absl::Status EndAll(const std::string& user) {
    for (const auto& entry : client_.QueryItems({.table = table_,
                             .index = "by-user",
                             .key_condition = "#u = :u",
                             .names = {{"#u", "user"}},
                             .values = {{":u", user}},
                             .freshness = {.strong = true}})) {
      if (!entry.ok()) return entry.status();
      const absl::Status ended = End(*entry->at("id").AsString());
      if (!ended.ok()) return ended;
    }
    return absl::OkStatus();
  }

 private:
  int64_t Now() const { return absl::ToUnixSeconds(now_()); }
  int64_t Until() const { return absl::ToUnixSeconds(now_() + kIdle); }

  pallet::Client client_;
  const std::string table_;
  const recipes::TimeSource now_;
};

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(client, Sessions::TableOf("recipe_sessions"));
  recipes::LetExpire(client, "recipe_sessions");
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  Sessions sessions(client, "recipe_sessions", [&now] { return now; });

  using recipes::Expect;
  for (const char* id : {"s1", "s2", "s3"}) {
    Expect(sessions.Begin(id, "ann").ok(), "a session begins");
  }
  Expect(recipes::Is(sessions.Begin("s1", "bob"),
                     pallet::model::Reason::kConditionalCheckFailed),
         "nobody gets the same id");
  now += absl::Minutes(29);
  Expect(sessions.Touch("s1").value() == "ann", "s1 is used, and is ann's");
  now += absl::Minutes(2);
  Expect(sessions.Touch("s1").value() == "ann", "so it lives on");
  Expect(sessions.Touch("s2").value() == std::nullopt, "s2 is over, unused");
  Expect(sessions.End("s1").ok(), "ann signs out");
  Expect(sessions.Touch("s1").value() == std::nullopt, "s1 is over");
  Expect(sessions.Begin("s4", "ann").ok(), "and in again");
  Expect(sessions.EndAll("ann").ok(), "and out everywhere");
  Expect(sessions.Touch("s4").value() == std::nullopt, "s4 is over");
  return EXIT_SUCCESS;
}
