// SPDX-License-Identifier: Apache-2.0
//
// A leaderboard: each player's best score, the top of a game, and the rank of a
// player, by an index of the scores that is read from the highest down.
//
// Ranks are counted in the index, entry by entry: 1 MB a page, some ten thousand
// players. Far down the list a rank is better told as "beyond 10,000".
#include <optional>
#include <utility>
#include <vector>

#include "client/examples/recipes/recipe.h"

namespace {

class Leaderboard {
 public:
  Leaderboard(pallet::Client client, std::string table)
      : client_(std::move(client)), table_(std::move(table)) {}

  static pallet::CreateTableRequest TableOf(const std::string& name) {
    return {
        .table = name,
        .key = {.partition = {.name = "game"}, .sort = {{.name = "player"}}},
        .global_indexes = {
            {.name = "by-score",
             .partition = {{.name = "game"}},
             .sort = {{.name = "score", .type = pallet::ScalarType::kNumber}},
             .projection = pallet::IndexProjection::kKeysOnly}}};
  }

  // Only a better score counts. Returns whether it was one.
  absl::StatusOr<bool> Submit(const std::string& game,
                              const std::string& player, int64_t score) {
    const auto better = client_.UpdateItem(
        {.table = table_,
         .key = {{"game", game}, {"player", player}},
         .update = "SET score = :s",
         .condition = "attribute_not_exists(score) OR score < :s",
         .values = {{":s", score}}});
    if (better.ok()) return true;
    if (recipes::Is(better.status(),
                    pallet::model::Reason::kConditionalCheckFailed)) {
      return false;
    }
    return better.status();
  }

  // The best `n` players, the best first. Strong: all scores that were taken
  // before are in it; without that, what the index has by now.
  absl::StatusOr<std::vector<std::string>> Top(const std::string& game, int n) {
    const auto page = client_.Query({.table = table_,
                                     .index = "by-score",
                                     .key_condition = "game = :g",
                                     .values = {{":g", game}},
                                     .forward = false,
                                     .limit = n,
                                     .freshness = {.strong = true}});
    if (!page.ok()) return page.status();
    std::vector<std::string> players;
    for (const pallet::Item& entry : page->items) {
      players.push_back(*entry.at("player").AsString());
    }
    return players;
  }

  // 1 is the best; players with the same score share a rank. nullopt: not in it.
  absl::StatusOr<std::optional<int64_t>> Rank(const std::string& game,
                                              const std::string& player) {
    const auto own =
        client_.GetItem({.table = table_,
                         .key = {{"game", game}, {"player", player}},
                         .consistent_read = true});
    if (!own.ok()) return own.status();
    if (!own->item.has_value()) return std::nullopt;
    pallet::QueryRequest better = {
        .table = table_,
        .index = "by-score",
        .key_condition = "game = :g AND score > :s",
        .values = {{":g", game}, {":s", own->item->at("score")}},
        .count_only = true,
        .freshness = {.strong = true}};
    int64_t rank = 1;
    do {
      const auto page = client_.Query(better);
      if (!page.ok()) return page.status();
      rank += page->count;
      better.start_key = page->last_key;
    } while (!better.start_key.empty());
    return rank;
  }

 private:
  pallet::Client client_;
  const std::string table_;
};

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  recipes::MakeTable(client, Leaderboard::TableOf("recipe_scores"));
  Leaderboard board(client, "recipe_scores");

  using recipes::Expect;
  using Players = std::vector<std::string>;
  for (const auto& [player, score] :
       {std::pair("ann", 50), {"bob", 70}, {"cid", 60}, {"dan", 50}}) {
    Expect(board.Submit("chess", player, score).value(), "a first score");
  }
  Expect(board.Submit("go", "eve", 99).value(), "another game");
  Expect(board.Top("chess", 2).value() == Players{"bob", "cid"}, "the top two");
  Expect(!board.Submit("chess", "bob", 10).value(), "a worse one is nothing");
  Expect(board.Submit("chess", "ann", 71).value(), "a better one counts");
  Expect(board.Top("chess", 2).value() == Players{"ann", "bob"}, "ann leads");
  Expect(board.Rank("chess", "dan").value() == 4, "dan is fourth");
  Expect(board.Rank("chess", "eve").value() == std::nullopt,
         "eve is not in it");
  return EXIT_SUCCESS;
}
