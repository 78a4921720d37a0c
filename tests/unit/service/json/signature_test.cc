// SPDX-License-Identifier: Apache-2.0
//
// Signature Version 4 against AWS's published examples, and what is refused.
#include "service/json/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "service/crypto.h"

namespace pallet::service::json {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr char kEmptyHash[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(CryptoTest, KnownDigests) {
  EXPECT_EQ(Hex(Sha256("")), kEmptyHash);
  EXPECT_EQ(Hex(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, cases 2 and 6.
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      Hex(HmacSha256(std::string(131, '\xaa'),
                     "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abcd"));
}

TEST(SignatureTest, TheKeyIsThatOfTheManual) {
  EXPECT_EQ(Hex(SigningKey(kSecret, "20150830", "us-east-1", "iam")),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

TEST(SignatureTest, TheCanonicalRequestIsThatOfTheManual) {
  HttpRequest request;
  request.method = "GET";
  request.target = "/?Action=ListUsers&Version=2010-05-08";
  request.AddHeader("Content-Type",
                    "application/x-www-form-urlencoded; charset=utf-8");
  request.AddHeader("Host", "iam.amazonaws.com");
  request.AddHeader("X-Amz-Date", "20150830T123600Z");
  const std::string canonical = CanonicalRequest(
      request, {"content-type", "host", "x-amz-date"}, kEmptyHash);
  EXPECT_EQ(Hex(Sha256(canonical)),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  EXPECT_EQ(Hex(HmacSha256(SigningKey(kSecret, "20150830", "us-east-1", "iam"),
                           StringToSign("20150830T123600Z",
                                        "20150830/us-east-1/iam/aws4_request",
                                        canonical))),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

// The cases of AWS's published suite, by their names there.
struct Vector {
  const char* name;
  const char* method;
  const char* target;
  std::vector<std::pair<const char*, const char*>> headers;
  const char* signature;
};

TEST(SignatureTest, SignsTheVectorsOfThePublishedSuite) {
  const Vector vectors[] = {
      {"get-vanilla",
       "GET",
       "/",
       {},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"post-vanilla",
       "POST",
       "/",
       {},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\xE1\x88\xB4=bar",
       {},
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"My-Header1", "value2"},
        {"My-Header1", "value2"},
        {"My-Header1", "value1"}},
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
  };
  for (const Vector& vector : vectors) {
    HttpRequest request;
    request.method = vector.method;
    request.target = vector.target;
    request.AddHeader("Host", "example.amazonaws.com");
    std::vector<std::string> names = {"host"};
    for (const auto& [name, value] : vector.headers) {
      request.AddHeader(name, value);
      const std::string small = absl::AsciiStrToLower(name);
      if (names.back() != small) names.push_back(small);
    }
    request.AddHeader("X-Amz-Date", "20150830T123600Z");
    names.push_back("x-amz-date");
    const std::string canonical = CanonicalRequest(request, names, kEmptyHash);
    EXPECT_EQ(
        Hex(HmacSha256(SigningKey(kSecret, "20150830", "us-east-1", "service"),
                       StringToSign("20150830T123600Z",
                                    "20150830/us-east-1/service/aws4_request",
                                    canonical))),
        vector.signature)
        << vector.name << "\n"
        << canonical;
  }
}

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() : verifier_({{"AKID", kSecret}, {"OTHER", "other:secret"}}) {
    request_.method = "POST";
    request_.target = "/";
    request_.body = "{}";
    request_.AddHeader("Host", "localhost:8000");
    request_.AddHeader("X-Amz-Target", "DynamoDB_20120810.ListTables");
    request_.AddHeader("X-Amz-Date", "20261122T120000Z");
  }

  std::string Signature(const std::string& hash) {
    return Hex(
        HmacSha256(SigningKey(secret_, "20261122", "eu-west-1", "dynamodb"),
                   StringToSign("20261122T120000Z", kScope,
                                CanonicalRequest(request_, names_, hash))));
  }

  std::string Authorization() {
    return absl::StrCat("AWS4-HMAC-SHA256 Credential=", id_, "/", kScope,
                        ", SignedHeaders=", absl::StrJoin(names_, ";"),
                        ", Signature=", Signature(Hex(Sha256(request_.body))));
  }
  void Sign() { request_.AddHeader("Authorization", Authorization()); }

  std::string Verify(absl::Duration later = absl::ZeroDuration()) {
    const SignatureProblem problem = verifier_.Verify(request_, now_ + later);
    return problem.ok() ? "good"
                        : absl::StrCat(problem.exception, ": ", problem.text);
  }

  static constexpr char kScope[] = "20261122/eu-west-1/dynamodb/aws4_request";
  const absl::Time now_ =
      absl::FromCivil(absl::CivilSecond(2026, 11, 22, 12), absl::UTCTimeZone());
  const SignatureVerifier verifier_;
  HttpRequest request_;
  std::string id_ = "AKID", secret_ = kSecret;
  std::vector<std::string> names_ = {"host", "x-amz-date", "x-amz-target"};
};

TEST_F(VerifyTest, Example) {
  Sign();
  EXPECT_EQ(Verify(), "good");
  EXPECT_EQ(Verify(), "good");  // again, from the cache
}

TEST_F(VerifyTest, AnyOfTheKeysWillDo) {
  id_ = "OTHER";
  secret_ = "other:secret";
  Sign();
  EXPECT_EQ(Verify(), "good");
}

TEST_F(VerifyTest, AnotherSecretBodyOrTargetIsRefused) {
  secret_ = "guess";
  Sign();
  EXPECT_THAT(Verify(), StartsWith("InvalidSignatureException: The request "
                                   "signature we calculated"));
}

TEST_F(VerifyTest, AChangedBodyIsRefused) {
  Sign();
  request_.body = "{ }";
  EXPECT_THAT(Verify(), StartsWith("InvalidSignatureException"));
}

TEST_F(VerifyTest, AChangedSignatureIsRefusedAfterAGoodOne) {
  Sign();
  ASSERT_EQ(Verify(), "good");
  HttpRequest other;
  other.method = "POST";
  other.target = "/";
  other.body = "{}";
  for (size_t i = 0; i < 3; ++i) {
    other.AddHeader(request_.header(i).name, request_.header(i).value);
  }
  std::string authorization = Authorization();
  authorization.back() = authorization.back() == '0' ? '1' : '0';
  other.AddHeader("Authorization", authorization);
  EXPECT_THAT(verifier_.Verify(other, now_).exception,
              "InvalidSignatureException");
}

TEST_F(VerifyTest, AKeyNobodyHasIsRefused) {
  id_ = "NOBODY";
  Sign();
  EXPECT_EQ(Verify(),
            "UnrecognizedClientException: The security token included in the "
            "request is invalid.");
}

TEST_F(VerifyTest, HoldsFifteenMinutesAndFiveBefore) {
  Sign();
  EXPECT_EQ(Verify(absl::Minutes(15)), "good");
  EXPECT_THAT(Verify(absl::Minutes(15) + absl::Seconds(1)),
              HasSubstr("Signature expired: 20261122T120000Z is now earlier "
                        "than 20261122T120001Z (20261122T121501Z - 15 min.)"));
  EXPECT_EQ(Verify(-absl::Minutes(5)), "good");
  EXPECT_THAT(Verify(-absl::Minutes(5) - absl::Seconds(1)),
              HasSubstr("Signature not yet current"));
}

TEST_F(VerifyTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(Verify(), StartsWith("MissingAuthenticationTokenException"));
  request_.AddHeader("Authorization", "AWS4-HMAC-SHA256 Credential=x");
  const std::string problem = Verify();
  EXPECT_THAT(problem, StartsWith("IncompleteSignatureException"));
  EXPECT_THAT(problem, HasSubstr("requires 'Signature' parameter."));
  EXPECT_THAT(problem, HasSubstr("requires 'SignedHeaders' parameter."));
}

TEST_F(VerifyTest, OtherAuthorizationIsNone) {
  request_.AddHeader("Authorization", "Basic abc");
  EXPECT_THAT(Verify(), StartsWith("MissingAuthenticationTokenException"));
}

TEST_F(VerifyTest, TheScopeMustFit) {
  request_.AddHeader(
      "Authorization",
      absl::StrReplaceAll(Authorization(), {{"/dynamodb/", "/s3/"},
                                            {"/20261122/", "/20261121/"}}));
  const std::string problem = Verify();
  EXPECT_THAT(problem, HasSubstr("correct service: 'dynamodb'"));
  EXPECT_THAT(problem, HasSubstr("'20261121' != '20261122'"));
}

TEST_F(VerifyTest, TargetAndHostMustBeSigned) {
  names_ = {"host", "x-amz-date"};
  Sign();
  EXPECT_THAT(Verify(), HasSubstr("'X-Amz-Target' must be a 'SignedHeader'"));
}

TEST_F(VerifyTest, ManySignedNamesAreNotSearchedFor) {
  for (int i = 0; i < 8000; ++i) names_.push_back("host");
  request_.AddHeader("Authorization",
                     absl::StrCat("AWS4-HMAC-SHA256 Credential=AKID/", kScope,
                                  ", SignedHeaders=",
                                  absl::StrJoin(names_, ";"), ", Signature=x"));
  EXPECT_THAT(Verify(), HasSubstr("names headers that the request has not"));
}

TEST_F(VerifyTest, APayloadMayBeUnsigned) {
  request_.AddHeader("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD");
  names_ = {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-target"};
  request_.AddHeader(
      "Authorization",
      absl::StrCat("AWS4-HMAC-SHA256 Credential=AKID/", kScope,
                   ", SignedHeaders=", absl::StrJoin(names_, ";"),
                   ", Signature=", Signature("UNSIGNED-PAYLOAD")));
  request_.body = "anything";
  EXPECT_EQ(Verify(), "good");
}

TEST_F(VerifyTest, ADateHeaderWillDo) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.body = "{}";
  request.AddHeader("Host", "localhost:8000");
  request.AddHeader("Date", "Sun, 22 Nov 2026 12:00:00 GMT");
  names_ = {"date", "host"};
  request_ = request;
  Sign();
  EXPECT_EQ(Verify(), "good");
}

class PresignedTest : public VerifyTest {
 protected:
  void Presign(const std::string& expires) {
    names_ = {"host", "x-amz-target"};
    request_.target = absl::StrCat(
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F",
        absl::StrReplaceAll(kScope, {{"/", "%2F"}}),
        "&X-Amz-Date=20261122T120000Z&X-Amz-Expires=", expires,
        "&X-Amz-SignedHeaders=host%3Bx-amz-target");
    absl::StrAppend(&request_.target,
                    "&X-Amz-Signature=", Signature(Hex(Sha256(request_.body))));
  }
};

TEST_F(PresignedTest, HoldsAsLongAsItSays) {
  Presign("3600");
  EXPECT_EQ(Verify(), "good");
  EXPECT_EQ(Verify(absl::Hours(1)), "good");
  EXPECT_THAT(Verify(absl::Hours(1) + absl::Seconds(1)),
              HasSubstr("Signature expired"));
}

TEST_F(PresignedTest, NotLongerThanAWeek) {
  Presign("604801");
  EXPECT_THAT(Verify(), HasSubstr("X-Amz-Expires"));
}

TEST_F(PresignedTest, AnyChangeOfTheQueryIsRefused) {
  Presign("3600");
  request_.target += "&more=1";
  EXPECT_THAT(Verify(), StartsWith("InvalidSignatureException"));
}

TEST_F(PresignedTest, NotBothForms) {
  Presign("3600");
  Sign();
  EXPECT_THAT(Verify(), HasSubstr("Found both"));
}

TEST_F(PresignedTest, WhatIsMissingIsNamed) {
  request_.target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256";
  EXPECT_THAT(Verify(), HasSubstr("must include 'X-Amz-Credential'."));
}

}  // namespace
}  // namespace pallet::service::json
