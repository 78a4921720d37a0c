// SPDX-License-Identifier: Apache-2.0
//
// How long the parts of a request may be, to the byte.
#include "service/json/request_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace pallet::service::json {
namespace {

class RequestParserTest : public ::testing::Test {
 protected:
  ReadProblem Read(const std::string& text) {
    RequestParser parser(&request_, &budget_);
    boost::beast::error_code error;
    parser.put(boost::asio::buffer(text), error);
    if (error == boost::beast::http::error::need_more) return kIncomplete;
    if (error) return parser.ProblemOf(error);
    EXPECT_TRUE(parser.is_done());
    return ReadProblem::kNone;
  }

  static constexpr ReadProblem kIncomplete = static_cast<ReadProblem>(-1);

  HttpRequest request_;
  BodyBudget budget_{uint64_t{64} << 20};
};

// A request line of `size` bytes.
std::string Line(size_t size) {
  return absl::StrCat("GET /", std::string(size - 14, 'x'), " HTTP/1.1");
}

// Header fields of `size` bytes.
std::string Fields(size_t size) {
  return absl::StrCat("Host: h\r\nX: ", std::string(size - 14, 'y'), "\r\n");
}

TEST_F(RequestParserTest, Example) {
  EXPECT_EQ(Read("POST /?a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"),
            ReadProblem::kNone);
  EXPECT_EQ(request_.target, "/?a");
  EXPECT_EQ(request_.Find("host"), "h");
  EXPECT_EQ(request_.body, "{}");
}

TEST_F(RequestParserTest, ARequestLineHas16KilobytesAndNotOneMore) {
  ASSERT_EQ(Line(100).size(), 100u);
  const std::string rest = "\r\nHost: h\r\n\r\n";
  EXPECT_EQ(Read(Line(16384) + rest), ReadProblem::kNone);
  EXPECT_EQ(Read(Line(16385) + rest), ReadProblem::kLongLine);
  EXPECT_EQ(Read(Line(100000) + rest), ReadProblem::kLongLine);
}

TEST_F(RequestParserTest, HeaderFieldsHave16KilobytesAndNotOneMore) {
  ASSERT_EQ(Fields(100).size(), 100u);
  EXPECT_EQ(Read(absl::StrCat(Line(20), "\r\n", Fields(16384), "\r\n")),
            ReadProblem::kNone);
  EXPECT_EQ(Read(absl::StrCat(Line(20), "\r\n", Fields(16385), "\r\n")),
            ReadProblem::kLongHeaders);
}

TEST_F(RequestParserTest, TheLongestLineGoesWithTheLongestFields) {
  EXPECT_EQ(Read(absl::StrCat(Line(16384), "\r\n", Fields(16384), "\r\n")),
            ReadProblem::kNone);
  EXPECT_EQ(Read(absl::StrCat(Line(16384), "\r\n", Fields(16385), "\r\n")),
            ReadProblem::kLongHeaders);
}

TEST_F(RequestParserTest, ABodyHas16MegabytesAndNotOneMore) {
  const std::string most(16 << 20, ' ');
  const auto post = [](const std::string& head, const std::string& body) {
    return absl::StrCat("POST / HTTP/1.1\r\nHost: h\r\n", head, "\r\n\r\n",
                        body);
  };
  EXPECT_EQ(Read(post("Content-Length: 16777216", most)), ReadProblem::kNone);
  EXPECT_EQ(request_.body.size(), most.size());
  EXPECT_EQ(Read(post("Content-Length: 16777217", most + " ")),
            ReadProblem::kLongBody);

  const std::string chunked = "Transfer-Encoding: chunked";
  const std::string first = absl::StrCat("1000000\r\n", most, "\r\n");
  EXPECT_EQ(Read(post(chunked, first + "0\r\n\r\n")), ReadProblem::kNone);
  EXPECT_EQ(Read(post(chunked, first + "1\r\n \r\n0\r\n\r\n")),
            ReadProblem::kLongBody);
}

TEST_F(RequestParserTest, LargeBodiesShareABudget) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
  const std::string body(100000, ' ');
  ASSERT_TRUE(budget_.Take((uint64_t{64} << 20) - 100000));
  EXPECT_EQ(Read(head + body), ReadProblem::kNone);
  ASSERT_TRUE(budget_.Take(1));
  EXPECT_EQ(Read(head + body), ReadProblem::kNoRoom);
  EXPECT_EQ(Read("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"),
            ReadProblem::kNone);
}

}  // namespace
}  // namespace pallet::service::json
