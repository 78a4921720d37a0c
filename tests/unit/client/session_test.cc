// SPDX-License-Identifier: Apache-2.0
#include "client/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/thread.h"
#include "client/mock_connection.h"
#include "model/errors.h"

namespace pallet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As service/position.h says.
std::string Position(uint64_t table, uint64_t lineage, uint64_t seq) {
  std::string bytes(1, '\1');
  AppendU64(&bytes, table);
  AppendU64(&bytes, lineage);
  AppendU64(&bytes, seq);
  return bytes;
}

// Writes answer with `next`, reads note how fresh they were asked to be.
class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    mock_->On<PutItemRequest>(
        [this](const PutItemRequest&) -> absl::StatusOr<PutItemResponse> {
          PutItemResponse response;
          response.position = next_;
          return response;
        });
    mock_->On<BatchWriteRequest>(
        [this](const BatchWriteRequest&) -> absl::StatusOr<BatchWriteResponse> {
          return BatchWriteResponse{.unprocessed = {}, .positions = {next_}};
        });
    mock_->On<QueryRequest>(
        [this](const QueryRequest& request) -> absl::StatusOr<QueryResponse> {
          asked_ = request.freshness;
          return QueryResponse{};
        });
    mock_->On<ScanRequest>(
        [this](const ScanRequest& request) -> absl::StatusOr<ScanResponse> {
          asked_ = request.freshness;
          return ScanResponse{};
        });
  }

  void Put(Session& session, const std::string& table, std::string position) {
    next_ = std::move(position);
    ASSERT_TRUE(session->PutItem({.table = table, .item = {{"k", 1}}}).ok());
  }

  Freshness Ask(Session& session, const std::string& table,
                Freshness freshness = {}) {
    QueryRequest request = {.table = table, .index = "i"};
    request.freshness = std::move(freshness);
    EXPECT_TRUE(session->Query(request).ok());
    return asked_;
  }

  std::shared_ptr<MockConnection> mock_ = std::make_shared<MockConnection>();
  Client client_{mock_};
  std::string next_;
  Freshness asked_;
};

TEST_F(SessionTest, Example) {
  Session session(client_);
  Put(session, "orders", Position(7, 1, 10));
  EXPECT_THAT(Ask(session, "orders").positions,
              ElementsAre(Position(7, 1, 10)));
}

TEST_F(SessionTest, TheNewestPositionOfEachPartitionIsKept) {
  Session session(client_);
  Put(session, "orders", Position(7, 1, 10));
  Put(session, "orders", Position(7, 2, 5));
  Put(session, "orders", Position(7, 1, 12));
  Put(session, "orders", Position(7, 1, 11));  // an answer that came late
  EXPECT_THAT(Ask(session, "orders").positions,
              ElementsAre(Position(7, 1, 12), Position(7, 2, 5)));
  EXPECT_THAT(Ask(session, "others").positions, IsEmpty());
}

TEST_F(SessionTest, OnlyReadsOfIndexesAreAsked) {
  Session session(client_, {.max_staleness = absl::Seconds(1)});
  Put(session, "orders", Position(7, 1, 10));
  ASSERT_TRUE(session->Query({.table = "orders"}).ok());
  EXPECT_THAT(asked_.positions, IsEmpty());
  EXPECT_FALSE(asked_.max_staleness.has_value());
  ASSERT_TRUE(session->Scan({.table = "orders", .index = "i"}).ok());
  EXPECT_EQ(asked_.positions.size(), 1u);
  asked_ = {};
  for (const auto& item :
       session->StreamScan({.table = "orders", .index = "i"})) {
    EXPECT_TRUE(item.ok());
  }
  EXPECT_EQ(asked_.positions.size(), 1u);
}

TEST_F(SessionTest, WhatARequestAsksForIsAddedTo) {
  Session session(client_, {.max_staleness = absl::Seconds(5)});
  Put(session, "orders", Position(7, 1, 10));
  const Freshness asked =
      Ask(session, "orders",
          {.positions = {"theirs"}, .max_staleness = absl::Seconds(9)});
  EXPECT_THAT(asked.positions, ElementsAre("theirs", Position(7, 1, 10)));
  EXPECT_EQ(asked.max_staleness, absl::Seconds(5));
  EXPECT_EQ(
      Ask(session, "orders", {.max_staleness = absl::Seconds(2)}).max_staleness,
      absl::Seconds(2));
  EXPECT_TRUE(Ask(session, "orders", {.strong = true}).strong);
}

TEST_F(SessionTest, OptionsSayWhatEveryReadAsksFor) {
  Session loose(client_, {.read_own_writes = false});
  Put(loose, "orders", Position(7, 1, 10));
  EXPECT_THAT(Ask(loose, "orders").positions, IsEmpty());
  Session strong(client_, {.strong = true});
  EXPECT_TRUE(Ask(strong, "orders").strong);
}

TEST_F(SessionTest, ATableOfMoreThanAHundredPartitionsIsReadStrongly) {
  Session session(client_);
  for (uint64_t i = 1; i <= 100; ++i) {
    Put(session, "orders", Position(7, i, 10));
  }
  EXPECT_EQ(Ask(session, "orders").positions.size(), 100u);
  EXPECT_FALSE(asked_.strong);
  Put(session, "orders", Position(7, 101, 10));
  EXPECT_TRUE(Ask(session, "orders").strong);
  EXPECT_THAT(asked_.positions, IsEmpty());
}

TEST_F(SessionTest, APositionOfALaterServiceMakesReadsStrong) {
  Session session(client_);
  Put(session, "orders", "\2later");
  EXPECT_TRUE(Ask(session, "orders").strong);
  EXPECT_FALSE(Ask(session, "others").strong);
  Session other(client_);
  ASSERT_TRUE(other.Join(session.Token()).ok());
  EXPECT_TRUE(Ask(other, "orders").strong);
}

TEST_F(SessionTest, AServiceWithoutPositionsIsAskedForNone) {
  Session session(client_);
  Put(session, "orders", "");
  EXPECT_FALSE(Ask(session, "orders").strong);
  EXPECT_THAT(asked_.positions, IsEmpty());
}

TEST_F(SessionTest, ATableMadeAnewForgetsTheOldOne) {
  Session session(client_);
  Put(session, "orders", Position(7, 1, 10));
  Put(session, "orders", Position(8, 2, 1));
  EXPECT_THAT(Ask(session, "orders").positions, ElementsAre(Position(8, 2, 1)));
}

TEST_F(SessionTest, ABatchOfSeveralTablesIsSeenInEach) {
  Session session(client_);
  next_ = Position(7, 1, 10);
  BatchWriteRequest batch;
  batch.tables["orders"].puts.push_back({{"k", 1}});
  batch.tables["others"].puts.push_back({{"k", 1}});
  ASSERT_TRUE(session->BatchWrite(batch).ok());
  EXPECT_THAT(Ask(session, "orders").positions,
              ElementsAre(Position(7, 1, 10)));
  EXPECT_THAT(Ask(session, "others").positions,
              ElementsAre(Position(7, 1, 10)));
}

TEST_F(SessionTest, ATableIsTheSameByNameAndByArn) {
  Session session(client_);
  Put(session, "arn:aws:dynamodb:local:0:table/orders", Position(7, 1, 10));
  EXPECT_EQ(Ask(session, "orders").positions.size(), 1u);
}

TEST_F(SessionTest, TokensHandOnWhatWasSeen) {
  Session session(client_), other(client_);
  Put(session, "orders", Position(7, 1, 10));
  Put(session, "places", Position(9, UINT64_MAX, UINT64_MAX));
  Put(other, "orders", Position(7, 1, 3));
  Put(other, "orders", Position(7, 2, 4));
  ASSERT_TRUE(other.Join(session.Token()).ok());
  EXPECT_THAT(Ask(other, "orders").positions,
              ElementsAre(Position(7, 1, 10), Position(7, 2, 4)));
  EXPECT_THAT(Ask(other, "places").positions,
              ElementsAre(Position(9, UINT64_MAX, UINT64_MAX)));
  EXPECT_THAT(Ask(session, "orders").positions,
              ElementsAre(Position(7, 1, 10)));
  ASSERT_TRUE(session.Join(other.Token()).ok());
  EXPECT_EQ(session.Token(), other.Token());
}

TEST_F(SessionTest, AMalformedTokenChangesNothing) {
  Session session(client_), other(client_);
  Put(session, "orders", Position(7, 1, 10));
  const std::string token = session.Token();
  for (size_t size = 0; size < token.size(); ++size) {
    const absl::Status status = other.Join(token.substr(0, size));
    // What a token begins with may be one; of nothing, then.
    if (status.ok()) continue;
    EXPECT_EQ(model::ReasonOf(status), model::Reason::kValidation);
    EXPECT_THAT(Ask(other, "orders").positions, IsEmpty()) << size;
  }
  EXPECT_FALSE(other.Join("!").ok());
  EXPECT_FALSE(other.Join("").ok());
}

TEST_F(SessionTest, CopiesShareWhatTheyRemember) {
  Session session(client_);
  Session copy = session;
  Put(copy, "orders", Position(7, 1, 10));
  EXPECT_EQ(Ask(session, "orders").positions.size(), 1u);
}

TEST_F(SessionTest, ThreadsMayUseItTogether) {
  mock_->On<PutItemRequest>(
      [](const PutItemRequest& request) -> absl::StatusOr<PutItemResponse> {
        PutItemResponse response;
        response.position =
            Position(7, 1, *request.item.at("k").AsNumber()->ToInt64());
        return response;
      });
  Session session(client_);
  std::vector<Thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back("writer", [&session, thread] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(
            session
                ->PutItem({.table = "orders", .item = {{"k", i * 4 + thread}}})
                .ok());
        (void)session.Token();
      }
    });
  }
  threads.clear();
  EXPECT_THAT(Ask(session, "orders").positions,
              ElementsAre(Position(7, 1, 799)));
}

}  // namespace
}  // namespace pallet
