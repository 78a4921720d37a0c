// SPDX-License-Identifier: Apache-2.0
#include "service/json/door.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "model/errors.h"
#include "service/dropped_reply.h"
#include "service/handlers/table_description.h"
#include "service/json/compression.h"
#include "service/json/errors.h"
#include "service/json/freshness_headers.h"
#include "service/json/response_writer.h"

namespace pallet::service::json {
namespace {

constexpr char kContentType[] = "application/x-amz-json-1.0";
constexpr char kTablesPrefix[] = "DynamoDB_20120810.";
constexpr char kStreamsPrefix[] = "DynamoDBStreams_20120810.";

bool IsJson(absl::string_view content_type) {
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(content_type.substr(
                                    0, content_type.find(';'))),
                                kContentType);
}

HttpAnswer TextAnswer(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.content_type = "text/plain";
  answer.body = std::move(body);
  return answer;
}

HttpAnswer TooLarge() {
  HttpAnswer answer;
  answer.status = 413;
  answer.content_type = "";
  return answer;
}

// Whether an encoded request has the enum field `number` set to `value`.
bool HasEnum(absl::string_view request, uint32_t number, uint64_t value) {
  uint64_t tag, found;
  absl::string_view bytes;
  while (!request.empty()) {
    if (!ConsumeVarint(&request, &tag)) return false;
    if ((tag & 7) == 0) {
      if (!ConsumeVarint(&request, &found)) return false;
      if (tag >> 3 == number) return found == value;
    } else if ((tag & 7) != 2 || !ConsumeBytes(&request, &bytes)) {
      return false;
    }
  }
  return false;
}

// The operations that a store's thread answers.
constexpr absl::string_view kWrites[] = {"BatchWriteItem", "DeleteItem",
                                         "PutItem", "TransactWriteItems",
                                         "UpdateItem"};

// Whether a request says Select COUNT.
bool WantsCount(const Shape& shape, absl::string_view request) {
  const Field* select = shape.Find("Select");
  if (select == nullptr || select->kind != Kind::kEnum) return false;
  return HasEnum(request, select->number,
                 static_cast<uint64_t>(select->values->Find("COUNT")));
}

}  // namespace

struct Door::Served {
  const OperationShape* shape = nullptr;
  const Operation* run = nullptr;  // nullptr: not built
  OperationMetrics* metrics = nullptr;
  bool writes = false;  // its store's thread calls the reply
};

// One call of an operation, from the moment its request is admitted.
class Door::Call {
 public:
  Call(const Door* door, const Served* served, const HttpRequest& request,
       Respond respond)
      : door_(door),
        served_(served),
        respond_(std::move(respond)),
        packing_(AcceptedPacking(request.Find("accept-encoding"))),
        cross_origin_(CrossOriginHeaders(request)),
        start_(door->options_.clock->Monotonic()) {
    served->metrics->Started();
  }

  // Fails with what is wrong with the text.
  absl::Status Read(RequestReader* reader, std::string* body) {
    return reader->Read(*served_->shape->request, body, &request_);
  }

  // What the headers ask for beside it.
  absl::Status ReadHeaders(const HttpRequest& request) {
    return AppendFreshness(request, served_->shape->freshness, &request_.bytes);
  }

  const EncodedRequest& request() const { return request_; }

  // Runs the operation; the call lives until it has answered.
  static void Run(std::unique_ptr<Call> call,
                  std::shared_ptr<const std::atomic<bool>> cancelled) {
    CallContext context;
    context.clock = call->door_->options_.clock;
    context.deadline = call->start_ + call->door_->options_.max_deadline;
    context.cancelled = std::move(cancelled);
    const Operation& run = *call->served_->run;
    // Taken out, for the reply may destroy the call before `run` returns.
    const std::string bytes = std::move(call->request_.bytes);
    call->count_only_ = WantsCount(*call->served_->shape->request, bytes);
    run(bytes, context, Answer(std::move(call)));
  }

  void Refuse(absl::StatusCode code, HttpAnswer answer) {
    Respond respond = std::move(respond_);
    respond([answer = Finish(code, std::move(answer))]() mutable {
      return std::move(answer);
    });
  }

 private:
  // The Reply of a call: answers also if it is dropped.
  class Answer {
   public:
    explicit Answer(std::unique_ptr<Call> call) : call_(std::move(call)) {}
    Answer(Answer&&) = default;
    Answer& operator=(Answer&&) = delete;
    ~Answer() {
      if (call_ != nullptr) {
        const absl::Status dropped = DroppedReply(call_->served_->shape->name);
        Reply(std::move(call_), dropped);
      }
    }
    void operator()(absl::StatusOr<std::string> result) {
      Reply(std::move(call_), std::move(result));
    }

   private:
    std::unique_ptr<Call> call_;
  };

  static void Reply(std::unique_ptr<Call> call,
                    absl::StatusOr<std::string> result) {
    Respond respond = std::move(call->respond_);
    call->result_ = std::move(result);
    if (call->served_->writes) {
      respond([call = std::move(call)] { return call->Make(); });
    } else {
      respond([answer = call->Make()]() mutable { return std::move(answer); });
    }
  }

  // The answer that says `result_`.
  HttpAnswer Make() {
    std::string headers;
    if (result_.ok()) {
      headers = PositionLine(served_->shape->positions, *result_);
      result_ =
          WriteMessage(*served_->shape->response, *result_, {count_only_});
    }
    if (result_.ok()) {
      HttpAnswer answer;
      answer.headers = std::move(headers);
      answer.body = *std::move(result_);
      return Finish(absl::StatusCode::kOk, std::move(answer));
    }
    return Finish(result_.status().code(),
                  ErrorAnswer(door_->shapes_, result_.status(), request_));
  }

  HttpAnswer Finish(absl::StatusCode code, HttpAnswer answer) {
    answer.headers += cross_origin_;
    if (packing_ != Packing::kNone && answer.body.size() >= kPackFrom) {
      answer.body = Pack(packing_, answer.body);
      absl::StrAppend(&answer.headers, "Content-Encoding: ",
                      packing_ == Packing::kGzip ? "gzip" : "deflate", "\r\n");
    }
    served_->metrics->Finished(code,
                               door_->options_.clock->Monotonic() - start_);
    return answer;
  }

  const Door* const door_;
  const Served* const served_;
  Respond respond_;
  const Packing packing_;
  const std::string cross_origin_;
  const absl::Duration start_;
  EncodedRequest request_;
  absl::StatusOr<std::string> result_;
  bool count_only_ = false;
};

Door::Door(DoorOptions options)
    : options_(std::move(options)),
      verifier_(
          options_.access_keys.empty()
              ? nullptr
              : std::make_unique<SignatureVerifier>(options_.access_keys)) {
  for (const auto& [name, shape] : shapes_.operations()) {
    Served served;
    served.shape = &shape;
    served.run = options_.operations->Find(name);
    served.metrics = options_.metrics->Operation(name);
    served.writes = absl::c_linear_search(kWrites, name);
    targets_[absl::StrCat(shape.is_stream ? kStreamsPrefix : kTablesPrefix,
                          name)] = served;
  }
}

Door::~Door() = default;

void Door::Handle(HttpRequest* request, RequestReader* reader,
                  std::shared_ptr<const std::atomic<bool>> cancelled,
                  Respond respond) const {
  std::optional<HttpAnswer> answer = AnswerPage(*request);
  const Served* served = nullptr;
  if (!answer.has_value()) {
    served = FindTarget(request->Find("x-amz-target"));
    answer = served != nullptr ? Admit(request)
                               : ProtocolError("UnknownOperationException", {});
  }
  if (answer.has_value()) {
    answer->headers += CrossOriginHeaders(*request);
    return respond(
        [answer = *std::move(answer)]() mutable { return std::move(answer); });
  }
  auto call =
      std::make_unique<Call>(this, served, *request, std::move(respond));
  if (served->run == nullptr) {
    return call->Refuse(absl::StatusCode::kUnimplemented,
                        ErrorAnswer(shapes_, RpcNotBuilt(served->shape->name)));
  }
  const absl::Status read = call->Read(reader, &request->body);
  if (!read.ok()) {
    absl::optional<absl::string_view> text;
    if (!read.message().empty()) text = read.message();
    return call->Refuse(absl::StatusCode::kInvalidArgument,
                        ProtocolError("SerializationException", text));
  }
  absl::Status refused = CheckEmptyLists(call->request());
  if (refused.ok()) refused = call->ReadHeaders(*request);
  if (!refused.ok()) {
    return call->Refuse(refused.code(), ErrorAnswer(shapes_, refused));
  }
  Call::Run(std::move(call), std::move(cancelled));
}

std::optional<HttpAnswer> Door::AnswerPage(const HttpRequest& request) const {
  if (request.method == "POST") {
    if (IsJson(request.Find("content-type"))) return std::nullopt;
    return NoSuchPage();
  }
  if (request.method == "OPTIONS" && request.Has("origin")) {
    return TextAnswer(200, "");
  }
  if (request.method == "GET" && request.path() == "/") {
    const absl::Status health = options_.health();
    if (!health.ok()) {
      return TextAnswer(503, absl::StrCat(health.message(), "\n"));
    }
    return TextAnswer(
        200, absl::StrCat("healthy: dynamodb.", kRegion, ".amazonaws.com "));
  }
  return NoSuchPage();
}

const Door::Served* Door::FindTarget(absl::string_view target) const {
  const auto found = targets_.find(target);
  return found == targets_.end() ? nullptr : &found->second;
}

std::optional<HttpAnswer> Door::Admit(HttpRequest* request) const {
  if (verifier_ != nullptr) {
    const SignatureProblem problem =
        verifier_->Verify(*request, options_.clock->Now());
    if (!problem.ok()) {
      return ProtocolError(problem.exception, absl::string_view(problem.text));
    }
  }
  const absl::StatusOr<Packing> packing =
      PackingOf(request->Find("content-encoding"));
  if (!packing.ok()) return ProtocolError("SerializationException", {});
  if (*packing == Packing::kNone) return std::nullopt;
  absl::StatusOr<std::string> body =
      Unpack(*packing, request->body, kMaxBodyBytes);
  if (absl::IsOutOfRange(body.status())) return TooLarge();
  if (!body.ok()) return ProtocolError("SerializationException", {});
  request->body = *std::move(body);
  return std::nullopt;
}

std::string CrossOriginHeaders(const HttpRequest& request) {
  if (!request.Has("origin")) return "";
  std::string headers = "Access-Control-Allow-Origin: *\r\n";
  if (request.method != "OPTIONS") {
    headers +=
        "Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,"
        "x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date,"
        "x-pallet-position\r\n";
    return headers;
  }
  const auto echo = [&](absl::string_view asked, absl::string_view answered) {
    if (!request.Has(asked)) return;
    absl::StrAppend(&headers, answered, ": ", request.Find(asked), "\r\n");
  };
  echo("access-control-request-headers", "Access-Control-Allow-Headers");
  echo("access-control-request-method", "Access-Control-Allow-Methods");
  headers += "Access-Control-Max-Age: 172800\r\n";
  return headers;
}

}  // namespace pallet::service::json
