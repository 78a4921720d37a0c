// SPDX-License-Identifier: Apache-2.0
#include "service/json/errors.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "service/json/response_writer.h"
#include "service/json/text_writer.h"
#include "service/operation.h"

namespace pallet::service::json {
namespace {

using model::Reason;

constexpr absl::string_view kServicePrefix =
    "com.amazonaws.dynamodb.v20120810#";
constexpr absl::string_view kValidationPrefix = "com.amazon.coral.validate#";
constexpr absl::string_view kLagDetail = "IndexLag";
constexpr absl::string_view kProtocolPrefix = "com.amazon.coral.service#";

// What an exception has that others have not. The rest: 400, the service's
// prefix, "message".
struct ExceptionRow {
  absl::string_view name;
  int status;
  absl::string_view prefix;
  absl::string_view text_key;
};
constexpr ExceptionRow kExceptions[] = {
    {"ValidationException", 400, kValidationPrefix, "message"},
    {"SerializationException", 400, kProtocolPrefix, "Message"},
    {"TransactionCanceledException", 400, kServicePrefix, "Message"},
    {"IdempotentParameterMismatchException", 400, kServicePrefix, "Message"},
    {"TransactionInProgressException", 400, kServicePrefix, "Message"},
    {"ReplicatedWriteConflictException", 409, kServicePrefix, "message"},
    {"InternalServerError", 500, kServicePrefix, "message"},
    {"ServiceUnavailable", 503, kServicePrefix, "message"},
};

ExceptionRow RowOf(absl::string_view name, absl::string_view usual_prefix) {
  for (const ExceptionRow& row : kExceptions) {
    if (row.name == name) return row;
  }
  return {name, 400, usual_prefix, "message"};
}

void Begin(const ExceptionRow& row, TextWriter* out) {
  out->Raw("{\"__type\":\"");
  out->Raw(row.prefix);
  out->Raw(row.name);
  out->Raw('"');
}

void AddText(const ExceptionRow& row, absl::string_view text, TextWriter* out) {
  out->Raw(",\"");
  out->Raw(row.text_key);
  out->Raw("\":");
  out->String(text);
}

// Fields are told by the names this door has for them.
std::string InMemberNames(absl::string_view message) {
  constexpr absl::string_view kField = "The field ";
  if (!absl::StartsWith(message, kField)) return std::string(message);
  const size_t end = message.find(' ', kField.size());
  if (end == message.npos) return std::string(message);
  const std::vector<std::string> steps =
      absl::StrSplit(message.substr(kField.size(), end - kField.size()), '.');
  return absl::StrCat(kField,
                      absl::StrJoin(steps, ".",
                                    [](std::string* out, const std::string& s) {
                                      out->append(MemberName(s));
                                    }),
                      message.substr(end));
}

absl::string_view NameOfDetail(absl::string_view type_url) {
  return type_url.substr(type_url.rfind('.') + 1);
}

// Written by hand: the detail has a duration, which DynamoDB's JSON does not.
void AddLag(const absl::Cord& value, TextWriter* out) {
  v1::IndexLag lag;
  if (!lag.ParseFromString(std::string(value))) return;
  out->Raw(",\"TableName\":");
  out->String(lag.table_name());
  out->Raw(",\"IndexName\":");
  out->String(lag.index_name());
  out->Raw(absl::StrCat(",\"ChangesBehind\":", lag.changes_behind(),
                        ",\"MillisecondsBehind\":",
                        lag.time_behind().seconds() * 1000 +
                            lag.time_behind().nanos() / 1000000));
}

bool HasLag(const absl::Status& status) {
  return status
      .GetPayload(
          absl::StrCat(kDetailPrefix, v1::IndexLag::descriptor()->full_name()))
      .has_value();
}

}  // namespace

HttpAnswer ErrorAnswer(const Shapes& shapes, const absl::Status& status,
                       const EncodedRequest& request) {
  const Reason reason = model::ReasonOf(status);
  absl::string_view exception = model::InfoOf(reason).dynamodb_name;
  std::string text = InJsonWords(request, status.message());
  if (reason == Reason::kNotBuilt && absl::StartsWith(text, "The field ")) {
    exception = "ValidationException";
    text = InMemberNames(text);
  }
  // Not an InternalServerError as other deadlines: clients repeat those.
  if (reason == Reason::kDeadlineExceeded && HasLag(status)) {
    exception = "IndexNotFreshException";
  }
  const ExceptionRow row =
      RowOf(exception,
            reason == Reason::kNotBuilt ? kProtocolPrefix : kServicePrefix);
  TextWriter out(256 + text.size());
  Begin(row, &out);
  AddText(row, text, &out);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (!absl::StartsWith(url, kDetailPrefix)) return;
    if (NameOfDetail(url) == kLagDetail) return AddLag(value, &out);
    const Shape* shape = shapes.Detail(NameOfDetail(url));
    if (shape == nullptr) return;
    TextWriter members(64 + 2 * value.size());
    members.Raw('{');
    if (!AppendMembers(*shape, std::string(value), &members).ok()) return;
    const std::string written = std::move(members).Finish();
    if (written.size() > 1) out.Raw(',');
    out.Raw(absl::string_view(written).substr(1));
  });
  out.Raw('}');
  HttpAnswer answer;
  answer.status = row.status;
  answer.body = std::move(out).Finish();
  return answer;
}

HttpAnswer ProtocolError(absl::string_view exception,
                         absl::optional<absl::string_view> text) {
  const ExceptionRow row = RowOf(exception, kProtocolPrefix);
  TextWriter out(256);
  Begin(row, &out);
  if (text.has_value()) AddText(row, *text, &out);
  out.Raw('}');
  HttpAnswer answer;
  answer.status = row.status;
  answer.body = std::move(out).Finish();
  return answer;
}

HttpAnswer NoSuchPage() {
  HttpAnswer answer;
  answer.status = 404;
  answer.content_type = "";
  answer.body = "<UnknownOperationException/>\n";
  return answer;
}

}  // namespace pallet::service::json
