// SPDX-License-Identifier: Apache-2.0
//
// AWS Signature Version 4, as DynamoDB verifies it: in the Authorization
// header or in the query of a presigned URL.
//
//   canonical  := method \n path \n query \n headers \n names \n payload hash
//   to sign    := "AWS4-HMAC-SHA256" \n time \n scope \n sha256(canonical)
//   scope      := date / region / "dynamodb" / "aws4_request"
//   key        := HMAC(HMAC(HMAC(HMAC("AWS4" secret, date), region), service),
//                      "aws4_request")
//
// Invariants:
//   1. A signature holds for kMaxAge behind and kMaxFuture before its time (a
//      presigned one as long as it says); within that it may be used again, as
//      with AWS.
//   2. Signatures are compared in constant time; a key id that is not known
//      costs what a known one costs.
//   3. What decides about the request is signed: Host, X-Amz-Target, the body
//      (unless the client signed UNSIGNED-PAYLOAD) and the whole query.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/json/access_key.h"
#include "service/json/http.h"

namespace pallet::service::json {

inline constexpr absl::Duration kMaxAge = absl::Minutes(15);
inline constexpr absl::Duration kMaxFuture = absl::Minutes(5);
inline constexpr absl::Duration kMaxPresigned = absl::Hours(24 * 7);

// Why a request is refused: an exception's name and its text.
struct SignatureProblem {
  std::string exception;  // empty: none, the signature is good
  std::string text;

  bool ok() const { return exception.empty(); }
};

class SignatureVerifier {
 public:
  explicit SignatureVerifier(std::vector<AccessKey> keys);
  SignatureVerifier(const SignatureVerifier&) = delete;
  SignatureVerifier& operator=(const SignatureVerifier&) = delete;
  ~SignatureVerifier();

  // The body is as it was sent: packed, if it was packed.
  SignatureProblem Verify(const HttpRequest& request, absl::Time now) const;

 private:
  class KeyCache;

  const std::vector<AccessKey> keys_;
  const std::unique_ptr<KeyCache> cache_;
};

// The steps, for tests and clients.
std::string SigningKey(absl::string_view secret, absl::string_view date,
                       absl::string_view region, absl::string_view service);
// `signed_headers` in small letters, sorted.
std::string CanonicalRequest(const HttpRequest& request,
                             const std::vector<std::string>& signed_headers,
                             absl::string_view payload_hash);
std::string StringToSign(absl::string_view time, absl::string_view scope,
                         absl::string_view canonical_request);

}  // namespace pallet::service::json
