// SPDX-License-Identifier: Apache-2.0
#include "service/json/signature.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "service/crypto.h"

namespace pallet::service::json {
namespace {

constexpr absl::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr absl::string_view kService = "dynamodb";
constexpr absl::string_view kTerminator = "aws4_request";
constexpr absl::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr char kBasicTime[] = "%E4Y%m%dT%H%M%SZ";

// Names of what a signature has, in the header and in the query.
struct Part {
  const char* header;
  const char* query;
};
constexpr Part kCredential = {"Credential", "X-Amz-Credential"};
constexpr Part kSignature = {"Signature", "X-Amz-Signature"};
constexpr Part kSignedHeaders = {"SignedHeaders", "X-Amz-SignedHeaders"};
constexpr char kDateParameter[] = "X-Amz-Date";
constexpr char kAlgorithmParameter[] = "X-Amz-Algorithm";
constexpr char kExpiresParameter[] = "X-Amz-Expires";

SignatureProblem Incomplete(std::string text) {
  return {"IncompleteSignatureException", std::move(text)};
}
SignatureProblem Invalid(std::string text) {
  return {"InvalidSignatureException", std::move(text)};
}

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

std::string UriEncode(absl::string_view text, bool slashes_too) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (IsUnreserved(c) || (c == '/' && !slashes_too)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<uint8_t>(c) >> 4];
      out += kDigits[c & 15];
    }
  }
  return out;
}

// Percent signs that start no escape stay.
std::string UriDecode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      const auto digit = [](char c) {
        return absl::ascii_isdigit(c) ? c - '0'
                                      : absl::ascii_tolower(c) - 'a' + 10;
      };
      out += static_cast<char>(digit(text[i + 1]) << 4 | digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters QueryOf(const HttpRequest& request) {
  Parameters parameters;
  if (request.query().empty()) return parameters;
  for (const absl::string_view part : absl::StrSplit(request.query(), '&')) {
    if (part.empty()) continue;
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    parameters.emplace_back(UriDecode(pair.first), UriDecode(pair.second));
  }
  return parameters;
}

const std::string* FindIn(const Parameters& parameters,
                          absl::string_view name) {
  for (const auto& [found, value] : parameters) {
    if (found == name) return &value;
  }
  return nullptr;
}

std::string CanonicalQuery(const HttpRequest& request) {
  Parameters encoded;
  for (const auto& [name, value] : QueryOf(request)) {
    if (name == kSignature.query) continue;
    encoded.emplace_back(UriEncode(name, true), UriEncode(value, true));
  }
  std::sort(encoded.begin(), encoded.end());
  return absl::StrJoin(encoded, "&", absl::PairFormatter("="));
}

// Trimmed, and several blanks are one; the values of a repeated header come
// behind each other with commas.
void AppendHeader(const HttpRequest& request, absl::string_view name,
                  std::string* out) {
  absl::StrAppend(out, name, ":");
  bool first = true;
  for (size_t i = 0; i < request.header_count(); ++i) {
    const HttpRequest::Header header = request.header(i);
    if (header.name != name) continue;
    if (!first) *out += ',';
    first = false;
    std::string value(header.value);
    absl::RemoveExtraAsciiWhitespace(&value);
    *out += value;
  }
  *out += '\n';
}

// What a request says about its signature.
struct Claim {
  std::string credential;
  std::string signature;
  std::vector<std::string> signed_headers;
  std::string time;  // kBasicTime
  absl::Duration lifetime = kMaxAge;
  bool presigned = false;
};

// One element of "Credential=a, SignedHeaders=b;c, Signature=d".
std::string HeaderPart(absl::string_view parts, absl::string_view name) {
  for (absl::string_view part : absl::StrSplit(parts, ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (absl::ConsumePrefix(&part, name) && absl::ConsumePrefix(&part, "=")) {
      return std::string(part);
    }
  }
  return "";
}

std::vector<std::string> NamesOf(absl::string_view signed_headers) {
  std::vector<std::string> names =
      absl::StrSplit(absl::AsciiStrToLower(signed_headers), ';');
  std::sort(names.begin(), names.end());
  return names;
}

// The time of a request in kBasicTime, from X-Amz-Date or Date; "" if it has
// none.
std::string TimeOf(const HttpRequest& request) {
  absl::string_view text = request.Find("x-amz-date");
  if (text.empty()) text = request.Find("date");
  absl::Time time;
  std::string error;
  if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &time, &error)) {
    return absl::FormatTime(kBasicTime, time, absl::UTCTimeZone());
  }
  return std::string(text);
}

SignatureProblem ClaimOfHeader(const HttpRequest& request, Claim* claim) {
  const absl::string_view header = request.Find("authorization");
  absl::string_view parts = header;
  if (!absl::ConsumePrefix(&parts, kAlgorithm)) {
    return Incomplete(absl::StrCat("Unsupported AWS 'algorithm': '",
                                   header.substr(0, header.find(' ')), "'."));
  }
  claim->credential = HeaderPart(parts, kCredential.header);
  claim->signature = HeaderPart(parts, kSignature.header);
  const std::string names = HeaderPart(parts, kSignedHeaders.header);
  claim->signed_headers = NamesOf(names);
  claim->time = TimeOf(request);
  std::string missing;
  const auto require = [&](bool present, const Part& part) {
    if (present) return;
    absl::StrAppend(&missing, "Authorization header requires '", part.header,
                    "' parameter. ");
  };
  require(!claim->credential.empty(), kCredential);
  require(!claim->signature.empty(), kSignature);
  require(!names.empty(), kSignedHeaders);
  if (claim->time.empty()) {
    missing +=
        "Authorization header requires existence of either a 'X-Amz-Date' or "
        "a 'Date' header. ";
  }
  if (missing.empty()) return {};
  return Incomplete(absl::StrCat(missing, "Authorization=", header));
}

SignatureProblem ClaimOfQuery(const Parameters& query, Claim* claim) {
  std::string missing;
  const auto take = [&](const char* name, std::string* value) {
    const std::string* found = FindIn(query, name);
    if (found != nullptr && !found->empty()) {
      *value = *found;
    } else {
      absl::StrAppend(&missing, "AWS query-string parameters must include '",
                      name, "'. ");
    }
  };
  std::string algorithm, names;
  take(kAlgorithmParameter, &algorithm);
  take(kCredential.query, &claim->credential);
  take(kSignature.query, &claim->signature);
  take(kSignedHeaders.query, &names);
  take(kDateParameter, &claim->time);
  if (!missing.empty()) {
    return Incomplete(
        absl::StrCat(missing, "Re-examine the query-string parameters."));
  }
  if (algorithm != kAlgorithm) {
    return Incomplete(
        absl::StrCat("Unsupported AWS 'algorithm': '", algorithm, "'."));
  }
  claim->signed_headers = NamesOf(names);
  claim->presigned = true;
  const std::string* expires = FindIn(query, kExpiresParameter);
  int64_t seconds = 0;
  if (expires == nullptr) return {};
  if (!absl::SimpleAtoi(*expires, &seconds) || seconds < 0 ||
      absl::Seconds(seconds) > kMaxPresigned) {
    return Invalid(
        absl::StrCat("X-Amz-Expires must be a number of seconds from 0 to ",
                     absl::ToInt64Seconds(kMaxPresigned), "."));
  }
  claim->lifetime = absl::Seconds(seconds);
  return {};
}

SignatureProblem CheckTime(const Claim& claim, absl::Time now) {
  absl::Time time;
  std::string error;
  if (claim.time.size() != 16 ||
      !absl::ParseTime(kBasicTime, claim.time, &time, &error)) {
    return Incomplete("Date must be in ISO-8601 'basic format'. Got '" +
                      claim.time +
                      "'. See http://en.wikipedia.org/wiki/ISO_8601");
  }
  const auto basic = [](absl::Time t) {
    return absl::FormatTime(kBasicTime, t, absl::UTCTimeZone());
  };
  if (time + claim.lifetime < now) {
    return Invalid(
        absl::StrCat("Signature expired: ", claim.time, " is now earlier than ",
                     basic(now - claim.lifetime), " (", basic(now), " - ",
                     absl::ToInt64Minutes(claim.lifetime), " min.)"));
  }
  if (time - kMaxFuture > now) {
    return Invalid(absl::StrCat(
        "Signature not yet current: ", claim.time, " is still later than ",
        basic(now + kMaxFuture), " (", basic(now), " + ",
        absl::ToInt64Minutes(kMaxFuture), " min.)"));
  }
  return {};
}

// id / date / region / service / terminator
struct Credential {
  std::string id, date, region, scope;
};

SignatureProblem ParseCredential(const Claim& claim, Credential* credential) {
  const std::vector<std::string> words = absl::StrSplit(claim.credential, '/');
  if (words.size() != 5) {
    return Incomplete(absl::StrCat(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got '",
        claim.credential, "'"));
  }
  std::string wrong;
  if (words[1] != claim.time.substr(0, 8)) {
    absl::StrAppend(&wrong,
                    "Date in Credential scope does not match YYYYMMDD from "
                    "ISO-8601 version of date from HTTP: '",
                    words[1], "' != '", claim.time.substr(0, 8), "', from '",
                    claim.time, "'. ");
  }
  if (words[3] != kService) {
    absl::StrAppend(&wrong, "Credential should be scoped to correct service: '",
                    kService, "'. ");
  }
  if (words[4] != kTerminator) {
    absl::StrAppend(&wrong,
                    "Credential should be scoped with a valid terminator: '",
                    kTerminator, "', not '", words[4], "'. ");
  }
  if (!wrong.empty()) {
    wrong.pop_back();
    return Invalid(wrong);
  }
  credential->id = words[0];
  credential->date = words[1];
  credential->region = words[2];
  credential->scope = absl::StrJoin(words.begin() + 1, words.end(), "/");
  return {};
}

SignatureProblem CheckSigned(const HttpRequest& request, const Claim& claim) {
  const auto& names = claim.signed_headers;
  // Each name costs a search, so there may be no more than headers.
  if (names.size() > request.header_count() ||
      std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return Invalid("SignedHeaders names headers that the request has not.");
  }
  for (const char* name : {"Host", "X-Amz-Target"}) {
    const std::string small = absl::AsciiStrToLower(name);
    if (request.Has(small) &&
        !std::binary_search(names.begin(), names.end(), small)) {
      return Invalid(absl::StrCat(
          "'", name, "' must be a 'SignedHeader' in the AWS Authorization."));
    }
  }
  return {};
}

}  // namespace

// Signing keys that verified something: four of the five hashes of a request.
class SignatureVerifier::KeyCache {
 public:
  std::string Find(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    const auto found = keys_.find(name);
    return found == keys_.end() ? "" : found->second;
  }
  void Keep(const std::string& name, const std::string& key)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (keys_.size() >= kMost) keys_.clear();
    keys_[name] = key;
  }

 private:
  static constexpr size_t kMost = 1024;
  absl::Mutex mutex_;
  std::map<std::string, std::string> keys_ ABSL_GUARDED_BY(mutex_);
};

SignatureVerifier::SignatureVerifier(std::vector<AccessKey> keys)
    : keys_(std::move(keys)), cache_(std::make_unique<KeyCache>()) {}
SignatureVerifier::~SignatureVerifier() = default;

SignatureProblem SignatureVerifier::Verify(const HttpRequest& request,
                                           absl::Time now) const {
  const absl::string_view header = request.Find("authorization");
  const Parameters query = QueryOf(request);
  const bool in_query = FindIn(query, kAlgorithmParameter) != nullptr;
  if (!header.empty() && in_query) {
    return Invalid(
        "Found both 'X-Amz-Algorithm' as a query-string param and "
        "'Authorization' as HTTP header.");
  }
  if (!in_query && !absl::StartsWith(header, "AWS4-")) {
    return {"MissingAuthenticationTokenException",
            "Request is missing Authentication Token"};
  }
  Claim claim;
  SignatureProblem problem =
      in_query ? ClaimOfQuery(query, &claim) : ClaimOfHeader(request, &claim);
  if (problem.ok()) problem = CheckTime(claim, now);
  Credential credential;
  if (problem.ok()) problem = ParseCredential(claim, &credential);
  if (problem.ok()) problem = CheckSigned(request, claim);
  if (!problem.ok()) return problem;

  const auto known = std::find_if(
      keys_.begin(), keys_.end(),
      [&](const AccessKey& key) { return key.id == credential.id; });
  const std::string cached_as =
      absl::StrCat(credential.id, "/", credential.date, "/", credential.region);
  std::string key = cache_->Find(cached_as);
  const bool was_cached = !key.empty();
  if (!was_cached) {
    key = SigningKey(known == keys_.end() ? "none" : known->secret,
                     credential.date, credential.region, kService);
  }
  const bool is_unsigned = request.Find("x-amz-content-sha256") == kUnsigned;
  const std::string canonical = CanonicalRequest(
      request, claim.signed_headers,
      is_unsigned ? std::string(kUnsigned) : Hex(Sha256(request.body)));
  const std::string expected = Hex(
      HmacSha256(key, StringToSign(claim.time, credential.scope, canonical)));
  const bool is_equal = EqualInConstantTime(expected, claim.signature);
  if (known == keys_.end()) {
    return {"UnrecognizedClientException",
            "The security token included in the request is invalid."};
  }
  if (!is_equal) {
    return Invalid(
        "The request signature we calculated does not match the signature you "
        "provided. Check your AWS Secret Access Key and signing method. "
        "Consult the service documentation for details.");
  }
  if (!was_cached) cache_->Keep(cached_as, key);
  return {};
}

std::string SigningKey(absl::string_view secret, absl::string_view date,
                       absl::string_view region, absl::string_view service) {
  std::string key = HmacSha256(absl::StrCat("AWS4", secret), date);
  for (const absl::string_view step : {region, service, kTerminator}) {
    key = HmacSha256(key, step);
  }
  return key;
}

std::string CanonicalRequest(const HttpRequest& request,
                             const std::vector<std::string>& signed_headers,
                             absl::string_view payload_hash) {
  std::string text =
      absl::StrCat(request.method, "\n", UriEncode(request.path(), false), "\n",
                   CanonicalQuery(request), "\n");
  for (const std::string& name : signed_headers) {
    AppendHeader(request, name, &text);
  }
  absl::StrAppend(&text, "\n", absl::StrJoin(signed_headers, ";"), "\n",
                  payload_hash);
  return text;
}

std::string StringToSign(absl::string_view time, absl::string_view scope,
                         absl::string_view canonical_request) {
  return absl::StrCat(kAlgorithm, "\n", time, "\n", scope, "\n",
                      Hex(Sha256(canonical_request)));
}

}  // namespace pallet::service::json
