// SPDX-License-Identifier: Apache-2.0
//
// The DynamoDB JSON port over real sockets: what a good client gets, and what
// the rest get.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "service/json/compression.h"
#include "service/json/http.h"
#include "tests/testing/mini_cluster.h"
#include "tests/testing/raw_connection.h"
#include "tests/testing/seed.h"
#include "tests/testing/temporary_directory.h"

namespace pallet {
namespace {

using ::testing::HasSubstr;
using testing::JsonPost;
using ::testing::MatchesRegex;
using testing::MiniCluster;
using testing::MiniClusterOptions;
using testing::RawAnswer;
using testing::RawConnection;

constexpr char kTable[] =
    R"({"TableName":"Places","KeySchema":[{"AttributeName":"id",)"
    R"("KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id",)"
    R"("AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"})";

std::string PutBody(const std::string& id, const std::string& text) {
  return absl::StrCat(R"({"TableName":"Places","Item":{"id":{"S":")", id,
                      R"("},"t":{"S":")", text, R"("}}})");
}

std::string GetBody(const std::string& id) {
  return absl::StrCat(R"({"TableName":"Places","Key":{"id":{"S":")", id,
                      R"("}}})");
}

class JsonServerTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> flags = {}) {
    MiniClusterOptions options;
    options.data_dir = directory_.path();
    options.flags = {"--store-map-size=4GiB"};
    options.flags.insert(options.flags.end(), flags.begin(), flags.end());
    auto cluster = MiniCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }
  void StartWithTable(std::vector<std::string> flags = {}) {
    Start(std::move(flags));
    ASSERT_EQ(Ask(JsonPost("CreateTable", kTable)).status, 200);
  }

  std::unique_ptr<RawConnection> Connect() {
    return std::make_unique<RawConnection>(cluster_->json_address());
  }
  RawAnswer Ask(const std::string& bytes) {
    const auto connection = Connect();
    connection->Send(bytes);
    return connection->Read().value_or(RawAnswer());
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MiniCluster> cluster_;
};

TEST_F(JsonServerTest, Example) {
  StartWithTable();
  const auto connection = Connect();
  connection->Send(JsonPost("PutItem", PutBody("a", "hello")));
  RawAnswer answer = *connection->Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");

  connection->Send(JsonPost("GetItem", GetBody("a")));
  answer = *connection->Read();
  EXPECT_EQ(answer.body, R"({"Item":{"id":{"S":"a"},"t":{"S":"hello"}}})");
  EXPECT_THAT(answer.head, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer.head,
              HasSubstr("Content-Type: application/x-amz-json-1.0\r\n"));
  EXPECT_THAT(answer.head,
              ::testing::ContainsRegex("x-amzn-RequestId: [A-Z0-9]{52}\r\n"));
  EXPECT_THAT(answer.head,
              HasSubstr(absl::StrCat(
                  "x-amz-crc32: ", service::json::Crc32(answer.body), "\r\n")));
}

TEST_F(JsonServerTest, PipelinedRequestsAreAnsweredInOrder) {
  StartWithTable();
  const auto connection = Connect();
  std::string all;
  for (int i = 0; i < 200; ++i) {
    all += JsonPost("PutItem", PutBody(absl::StrCat("p", i), "x"));
    all += JsonPost("GetItem", GetBody(absl::StrCat("p", i)));
  }
  Thread sender("sender", [&] { connection->Send(all); });
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(connection->Read()->body, "{}");
    EXPECT_THAT(connection->Read()->body,
                HasSubstr(absl::StrCat("\"p", i, "\"")));
  }
}

TEST_F(JsonServerTest, RequestsMayComeInPiecesAndInChunks) {
  StartWithTable();
  const auto connection = Connect();
  for (const char c : JsonPost("PutItem", PutBody("a", "piecewise"))) {
    ASSERT_TRUE(connection->Send(absl::string_view(&c, 1)));
  }
  EXPECT_EQ(connection->Read()->status, 200);
  const std::string body = GetBody("a");
  connection->Send(absl::StrFormat(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: "
      "application/x-amz-json-1.0\r\nX-Amz-Target: "
      "DynamoDB_20120810.GetItem\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\n\r\n",
      body.substr(0, 5), body.size() - 5, body.substr(5)));
  EXPECT_THAT(connection->Read()->body, HasSubstr("piecewise"));
}

TEST_F(JsonServerTest, AClientThatWaitsToSendIsToldToGoOn) {
  StartWithTable();
  const auto connection = Connect();
  const std::string body = PutBody("a", "x");
  const std::string all = JsonPost("PutItem", body, "Expect: 100-continue\r\n");
  connection->Send(all.substr(0, all.size() - body.size()));
  EXPECT_EQ(connection->Read()->status, 100);
  connection->Send(body);
  EXPECT_EQ(connection->Read()->status, 200);
}

TEST_F(JsonServerTest, ConnectionsEndWhenAsked) {
  Start();
  auto connection = Connect();
  connection->Send(JsonPost("ListTables", "{}", "Connection: close\r\n"));
  EXPECT_THAT(connection->Read()->head, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(connection->AtEnd());
  connection = Connect();
  connection->Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(connection->Read()->status, 200);
  EXPECT_TRUE(connection->AtEnd());
}

TEST_F(JsonServerTest, AHeadHasNoBody) {
  Start();
  const auto connection = Connect();
  connection->Send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(connection->Read().has_value());  // its length announces one
}

TEST_F(JsonServerTest, BodiesOfSixteenMegabytesAreTakenAndNoMore) {
  Start();
  using service::json::kMaxBodyBytes;
  const std::string body =
      "{\"Limit\":1" + std::string(kMaxBodyBytes - 11, ' ') + "}";
  ASSERT_EQ(body.size(), kMaxBodyBytes);
  EXPECT_EQ(Ask(JsonPost("ListTables", body)).status, 200);

  const RawAnswer answer = Ask(JsonPost("ListTables", body + " "));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.head, HasSubstr("Connection: close\r\n"));

  // Without a length as well.
  const auto connection = Connect();
  connection->Send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk =
      absl::StrFormat("%x\r\n%s\r\n", 1 << 20, std::string(1 << 20, 'x'));
  for (int i = 0; i < 17; ++i) connection->Send(chunk);
  EXPECT_EQ(connection->Read()->status, 413);
}

TEST_F(JsonServerTest, LongHeadsAreRefused) {
  Start();
  const auto head = [&](size_t target, size_t header) {
    return Ask(absl::StrCat("GET /", std::string(target, 'x'),
                            " HTTP/1.1\r\nHost: h\r\nX: ",
                            std::string(header, 'y'), "\r\n\r\n"))
        .status;
  };
  EXPECT_EQ(head(10, 15000), 404);
  EXPECT_EQ(head(10, 17000), 431);
  EXPECT_EQ(head(10, 100000), 431);
  EXPECT_EQ(head(15000, 10), 404);
  EXPECT_EQ(head(17000, 10), 414);
  EXPECT_EQ(head(100000, 10), 414);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 10000; ++i) many += "a:b\r\n";
  EXPECT_EQ(Ask(many + "\r\n").status, 431);
}

TEST_F(JsonServerTest, NonsenseIsRefusedAndTheServerStays) {
  Start();
  Random random(testing::TestSeed());
  const std::vector<std::string> nonsense = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ffffffffffffffffff\r\n",
      "GET / HTTP/1.1\r\nA B: c\r\n\r\n",
      "GET / HTTP/1.1\r\n: c\r\n\r\n",
      std::string("GET /\0 HTTP/1.1\r\n\r\n", 20),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      random.Bytes(5000) + "\r\n\r\n",
  };
  for (const std::string& bytes : nonsense) {
    const auto connection = Connect();
    connection->Send(bytes);
    const auto answer = connection->Read();
    if (answer.has_value()) {
      EXPECT_GE(answer->status, 400) << bytes.substr(0, 60);
      EXPECT_LE(answer->status, 431) << bytes.substr(0, 60);
    }
  }
  for (int i = 0; i < 200; ++i) {
    // A good request with some bytes changed.
    std::string bytes = JsonPost("ListTables", "{\"Limit\":3}");
    for (int k = 0; k < 3; ++k) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    Connect()->Send(bytes);
  }
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
}

TEST_F(JsonServerTest, SilentAndSlowClientsLoseTheirConnection) {
  Start({"--json-transfer-timeout=1s", "--json-idle-timeout=2s"});
  const auto silent = Connect();
  const auto half = Connect();
  half->Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  const auto idle = Connect();
  idle->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(idle->Read()->status, 200);
  EXPECT_TRUE(silent->AtEnd());
  EXPECT_TRUE(half->AtEnd());
  EXPECT_TRUE(idle->AtEnd());
}

TEST_F(JsonServerTest, AClientThatTricklesIsSlow) {
  Start({"--json-transfer-timeout=1s"});
  const auto connection = Connect();
  connection->Send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  const absl::Duration start = Clock::Real()->Monotonic();
  // One byte after the other, each soon enough to look alive.
  bool open = true;
  while (open && Clock::Real()->Monotonic() - start < absl::Seconds(9)) {
    open = connection->Send("x") && !connection->Ended(absl::Milliseconds(100));
  }
  EXPECT_FALSE(open);
}

TEST_F(JsonServerTest, TheLongestIdleConnectionMakesRoom) {
  Start({"--json-max-connections=4", "--json-threads=1"});
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 6; ++i) {
    connections.push_back(Connect());
    connections.back()->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(connections.back()->Read()->status, 200) << i;
  }
  int open = 0;
  for (const auto& connection : connections) {
    connection->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    if (connection->Read().has_value()) ++open;
  }
  EXPECT_EQ(open, 4);
}

TEST_F(JsonServerTest, LargeBodiesShareABudget) {
  Start({"--json-max-body-bytes=1MiB"});
  EXPECT_EQ(
      Ask(JsonPost("ListTables", "{" + std::string(900000, ' ') + "}")).status,
      200);
  const RawAnswer answer =
      Ask(JsonPost("ListTables", "{" + std::string(2000000, ' ') + "}"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("#ServiceUnavailable"));
  EXPECT_EQ(
      Ask(JsonPost("ListTables", "{" + std::string(900000, ' ') + "}")).status,
      200)
      << "what was held is given back";
}

TEST_F(JsonServerTest, AStopLetsIdleConnectionsGoAndTakesNoNewOnes) {
  StartWithTable();
  const auto idle = Connect();
  idle->Send(JsonPost("ListTables", "{}"));
  EXPECT_EQ(idle->Read()->status, 200);
  const absl::Duration start = Clock::Real()->Monotonic();
  ASSERT_TRUE(cluster_->Stop().ok());
  EXPECT_LT(Clock::Real()->Monotonic() - start, absl::Seconds(10));
  EXPECT_TRUE(idle->AtEnd());
}

TEST_F(JsonServerTest, AStopUnderLoadAnswersOrCloses) {
  StartWithTable();
  std::vector<Thread> clients;
  std::atomic<bool> stopped{false};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back(
        "client", [&, c, connection = std::shared_ptr(Connect())] {
          for (int i = 0; !stopped; ++i) {
            if (!connection->Send(JsonPost(
                    "PutItem", PutBody(absl::StrCat(c, "-", i), "x")))) {
              return;
            }
            const auto answer = connection->Read();
            if (!answer.has_value()) return;
            EXPECT_THAT(answer->status, ::testing::AnyOf(200, 503));
            if (answer->status != 200) return;
          }
        });
  }
  Connect()->Send(JsonPost("Scan", R"({"TableName":"Places"})"));
  ASSERT_TRUE(cluster_->Stop().ok());
  stopped = true;
}

TEST_F(JsonServerTest, WithoutKeysItStaysOnLoopback) {
  MiniClusterOptions options;
  options.data_dir = directory_.path();
  options.flags = {"--json-address=0.0.0.0:0"};
  const auto cluster = MiniCluster::Start(options);
  ASSERT_FALSE(cluster.ok());
  EXPECT_THAT(std::string(cluster.status().message()),
              HasSubstr("--access-key"));
}

}  // namespace
}  // namespace pallet
