// SPDX-License-Identifier: Apache-2.0
#include "service/json/session.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/json/compression.h"
#include "service/json/errors.h"
#include "service/version.h"

namespace pallet::service::json {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kReadBytes = size_t{8} << 10;
constexpr size_t kMostReadBytes = size_t{256} << 10;
constexpr size_t kProgressBytes = size_t{64} << 10;
// What a refused client may still send before it is cut off.
constexpr size_t kMostDiscarded = size_t{64} << 20;
constexpr uint64_t kLingerTicks = 3;
constexpr size_t kRequestIdSize = 52;

// The session whose request this thread is handling: its answer need not be
// posted.
thread_local const Session* handling = nullptr;

int StatusOf(ReadProblem problem) {
  switch (problem) {
    case ReadProblem::kLongLine:
      return 414;
    case ReadProblem::kLongHeaders:
      return 431;
    case ReadProblem::kLongBody:
      return 413;
    case ReadProblem::kNoRoom:
      return 503;
    default:
      return 400;
  }
}

}  // namespace

Worker::Worker(Shared* shared)
    : shared_(shared),
      random_(RealSeed()),
      work_(context_.get_executor()),
      timer_(context_.get_executor()) {}

Worker::~Worker() { Stop(); }

void Worker::Start(const std::string& name) {
  Tick();
  thread_ = Thread(name, [this] { context_.run(); });
}

void Worker::Stop() {
  context_.stop();
  thread_.Join();
}

void Worker::Tick() {
  ++tick_;
  // A copy: closing may end sessions.
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
  for (Session* session : sessions) {
    if (!session->is_running() && session->deadline() < tick_) {
      session->Close();
    }
  }
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](error_code error) {
    if (!error) Tick();
  });
}

bool Worker::MakeRoom() {
  if (sessions_.size() < shared_->connections_per_worker) return true;
  Session* longest = nullptr;
  for (Session* session : sessions_) {
    if (session->is_idle() &&
        (longest == nullptr || session->deadline() < longest->deadline())) {
      longest = session;
    }
  }
  if (longest == nullptr) return false;
  longest->Close();
  return true;
}

void Worker::Adopt(tcp::socket::native_handle_type handle,
                   const tcp& protocol) {
  asio::post(context_, [this, handle, protocol] {
    Socket socket(context_.get_executor());
    error_code error;
    socket.assign(protocol, handle, error);
    if (error || shared_->draining || !MakeRoom()) return;
    socket.set_option(tcp::no_delay(true), error);
    std::make_shared<Session>(std::move(socket), this)->Start();
  });
}

void Worker::CloseIdle() {
  asio::post(context_, [this] {
    const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
    for (Session* session : sessions) {
      if (session->is_idle()) session->Close();
    }
  });
}

void Worker::CloseAll() {
  asio::post(context_, [this] {
    const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());
    for (Session* session : sessions) {
      if (!session->is_running()) session->Close();
    }
  });
}

const std::string& Worker::date() {
  if (date_tick_ != tick_) {
    date_tick_ = tick_;
    date_ = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", shared_->clock->Now(),
                             absl::UTCTimeZone());
  }
  return date_;
}

void Worker::AppendRequestId(std::string* out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  char id[kRequestIdSize];
  uint64_t bits = 0;
  for (size_t i = 0; i < kRequestIdSize; ++i, bits >>= 5) {
    if (i % 12 == 0) bits = random_.Next();
    id[i] = kAlphabet[bits & 31];
  }
  out->append(id, sizeof(id));
}

Session::Session(Socket socket, Worker* worker)
    : socket_(std::move(socket)), worker_(worker) {
  worker_->Add(this);
  ++worker_->shared().connections;
}

Session::~Session() {
  LeaveGate();
  worker_->Remove(this);
  --worker_->shared().connections;
}

void Session::Start() {
  deadline_ = worker_->tick() + worker_->shared().transfer_ticks + 1;
  Read();
}

void Session::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  error_code ignored;
  socket_.close(ignored);
  LeaveGate();
}

void Session::LeaveGate() {
  if (std::exchange(in_gate_, false)) worker_->shared().gate.Leave();
}

void Session::Read() {
  // A long body is read in long pieces.
  const size_t size =
      std::clamp(request_.body.size(), kReadBytes, kMostReadBytes);
  const auto room = buffer_.prepare(size);
  socket_.async_read_some(room, [self = shared_from_this()](error_code error,
                                                            size_t count) {
    if (self->state_ == State::kClosed) return;
    if (error) return self->Close();
    self->buffer_.commit(count);
    if (self->state_ == State::kLingering) {
      self->buffer_.clear();
      self->discarded_ += count;
      return self->discarded_ > kMostDiscarded ? self->Close() : self->Read();
    }
    self->received_ += count;
    self->Progress();
    self->Parse();
  });
}

// The deadline is that of a request from its first byte on, and again after
// each piece of it.
void Session::Progress() {
  if (started_ && received_ < kProgressBytes) return;
  received_ = 0;
  started_ = true;
  deadline_ = worker_->tick() + worker_->shared().transfer_ticks + 1;
}

void Session::Parse() {
  if (!parser_.has_value()) {
    parser_.emplace(&request_, &worker_->shared().bodies);
  }
  error_code error;
  while (buffer_.size() > 0 && !parser_->is_done()) {
    const size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error == http::error::need_more) {
      error = {};
      break;
    }
    if (error) return Refuse(parser_->ProblemOf(error));
  }
  if (parser_->is_done()) return Dispatch();
  if (parser_->is_header_done() && parser_->wants_continue() &&
      request_.body.empty() && buffer_.size() == 0) {
    // Small enough to be written at once; if not, the client sends anyway.
    constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(kContinue.data(), kContinue.size()),
                       ignored);
  }
  Read();
}

void Session::Refuse(ReadProblem problem) {
  HttpAnswer answer;
  answer.status = StatusOf(problem);
  answer.content_type = "";
  answer.close = true;
  if (problem == ReadProblem::kNoRoom) {
    answer = ProtocolError("ServiceUnavailable",
                           absl::string_view("Too many large requests"));
    answer.close = true;
  }
  Write(std::move(answer));
}

void Session::Dispatch() {
  Shared& shared = worker_->shared();
  state_ = State::kRunning;
  close_ = !parser_->keep_alive();
  in_gate_ = true;
  if (!shared.gate.Enter()) {
    HttpAnswer answer = ProtocolError(
        "ServiceUnavailable", absl::string_view("The node is shutting down"));
    answer.close = true;
    return Write(std::move(answer));
  }
  self_ = shared_from_this();
  handling = this;
  shared.door.Handle(
      &request_, worker_->reader(), shared.cancelled,
      [this](Door::MakeAnswer make) { Respond(std::move(make)); });
  handling = nullptr;
  if (answer_.has_value()) {
    HttpAnswer answer = *std::move(answer_);
    answer_.reset();
    const std::shared_ptr<Session> self = std::move(self_);
    Write(std::move(answer));
  }
}

void Session::Respond(Door::MakeAnswer make) {
  if (handling == this) {
    answer_ = std::move(make)();
    return;
  }
  asio::post(worker_->context(), [this, make = std::move(make)]() mutable {
    const std::shared_ptr<Session> self = std::move(self_);
    Write(std::move(make)());
  });
}

void Session::MakeHead(const HttpAnswer& answer) {
  head_.clear();
  absl::StrAppend(&head_, "HTTP/1.1 ", answer.status, " ",
                  ReasonPhrase(answer.status), "\r\nServer: palletd/", kVersion,
                  "\r\nDate: ", worker_->date(), "\r\nx-amzn-RequestId: ");
  worker_->AppendRequestId(&head_);
  if (!answer.content_type.empty()) {
    absl::StrAppend(&head_, "\r\nContent-Type: ", answer.content_type);
  }
  absl::StrAppend(
      &head_, "\r\nContent-Length: ", answer.body.size(),
      "\r\nx-amz-crc32: ", Crc32(answer.body), "\r\n", answer.headers,
      close_ ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n");
}

void Session::Write(HttpAnswer answer) {
  if (state_ == State::kClosed) return;
  state_ = State::kWriting;
  close_ = close_ || answer.close || worker_->shared().draining;
  MakeHead(answer);
  // Its length stays, as it would be of a GET.
  if (request_.method == "HEAD") answer.body.clear();
  deadline_ = worker_->tick() + worker_->shared().transfer_ticks + 1 +
              answer.body.size() / kProgressBytes;
  answer_ = std::move(answer);
  const std::array<asio::const_buffer, 2> parts = {asio::buffer(head_),
                                                   asio::buffer(answer_->body)};
  asio::async_write(socket_, parts,
                    [self = shared_from_this()](error_code error, size_t) {
                      if (self->state_ == State::kClosed) return;
                      if (error) return self->Close();
                      self->Written();
                    });
}

void Session::Written() {
  answer_.reset();
  LeaveGate();
  if (close_ || worker_->shared().draining) return Linger();
  parser_.reset();
  state_ = State::kReading;
  started_ = buffer_.size() > 0;
  received_ = 0;
  const Shared& shared = worker_->shared();
  deadline_ = worker_->tick() + 1 +
              (started_ ? shared.transfer_ticks : shared.idle_ticks);
  Parse();
}

// Closing at once would reset the connection while the client still sends,
// and it might never see the answer.
void Session::Linger() {
  parser_.reset();
  state_ = State::kLingering;
  deadline_ = worker_->tick() + kLingerTicks;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  buffer_.clear();
  Read();
}

}  // namespace pallet::service::json
