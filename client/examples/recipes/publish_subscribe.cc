// SPDX-License-Identifier: Apache-2.0
//
// Publish and subscribe. A channel is a partition key, a message an item behind
// it, in the order of time. Subscribers watch the partition key: each hears every
// message, and one that was away goes on behind its token, so that it misses
// nothing and hears nothing twice. Old messages expire.
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "client/examples/recipes/recipe.h"
#include "client/watch.h"

namespace {

class Publisher {
 public:
  // `name` differs between publishers of one channel; its messages stay in
  // order.
  Publisher(pallet::Client client, std::string table, std::string name,
            absl::Duration kept, recipes::TimeSource now)
      : client_(std::move(client)),
        table_(std::move(table)),
        name_(std::move(name)),
        kept_(kept),
        now_(std::move(now)) {}

  absl::Status Publish(const std::string& channel, const std::string& text) {
    const absl::Time now = now_();
    return client_
        .PutItem({.table = table_,
                  .item = {{"channel", channel},
                           {"sent", absl::StrFormat("%016d %s %08d",
                                                    absl::ToUnixMicros(now),
                                                    name_, ++count_)},
                           {"text", text},
                           {"expires", absl::ToUnixSeconds(now + kept_)}}})
        .status();
  }

 private:
  pallet::Client client_;
  const std::string table_;
  const std::string name_;
  const absl::Duration kept_;
  const recipes::TimeSource now_;
  int64_t count_ = 0;
};

class Subscription {
 public:
  // `token` of an earlier subscription goes on behind it. Without one: first
  // the messages that are still kept, then those to come.
  Subscription(pallet::Client& client, const std::string& table,
               const std::string& channel, const std::string& token = "")
      : watch_(client.Watch({.table = table,
                             .partition_key = {{"channel", channel}},
                             .snapshot = token.empty(),
                             .resume_token = token})) {}

  // Waits for messages.
  absl::StatusOr<std::vector<std::string>> Next() {
    std::vector<std::string> texts;
    while (texts.empty()) {
      const absl::StatusOr<pallet::WatchBatch> batch = watch_->Read();
      if (!batch.ok()) return batch.status();
      for (const pallet::Change& change : batch->changes) {
        // Messages that expire are changes too.
        if (change.kind == pallet::ChangeKind::kInsert) {
          texts.push_back(*change.new_item->at("text").AsString());
        }
      }
      token_ = batch->resume_token;
    }
    return texts;
  }

  // To be kept with what came of the messages.
  const std::string& token() const { return token_; }

 private:
  const std::unique_ptr<pallet::WatchStream> watch_;
  std::string token_;
};

// `count` messages.
std::vector<std::string> Hear(Subscription& subscription, size_t count) {
  std::vector<std::string> all;
  while (all.size() < count) {
    const std::vector<std::string> texts = subscription.Next().value();
    all.insert(all.end(), texts.begin(), texts.end());
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  pallet::Client client = recipes::Connect(argc, argv);
  constexpr char kTable[] = "recipe_messages";
  recipes::MakeTable(client, {.table = kTable,
                              .key = {.partition = {.name = "channel"},
                                      .sort = pallet::KeyAttribute{"sent"}},
                              .stream = pallet::StreamView::kNewImage});
  recipes::LetExpire(client, kTable);
  Publisher ann(client, kTable, "ann", absl::Hours(1), absl::Now);

  using recipes::Expect;
  using Texts = std::vector<std::string>;
  const auto publish = [&](const char* channel, const char* text) {
    if (!ann.Publish(channel, text).ok()) std::exit(EXIT_FAILURE);
  };
  publish("news", "one");
  Subscription first(client, kTable, "news"), second(client, kTable, "news");
  Expect(Hear(first, 1) == Texts{"one"}, "a message that is still kept");
  publish("weather", "rain");
  publish("news", "two");
  publish("news", "three");
  Expect(Hear(first, 2) == Texts{"two", "three"},
         "new ones, in order, of this channel alone");
  Expect(Hear(second, 3) == Texts{"one", "two", "three"},
         "each subscriber hears all");

  const std::string token = first.token();
  publish("news", "four");
  Subscription again(client, kTable, "news", token);
  Expect(Hear(again, 1) == Texts{"four"},
         "who comes back misses nothing and hears nothing twice");
  return EXIT_SUCCESS;
}
