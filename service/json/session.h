// SPDX-License-Identifier: Apache-2.0
//
// The threads of a JsonServer and their connections. A Worker is one thread
// with its connections; a Session is one connection of it: read, handle,
// write, again.
//
// A session's methods run on its worker's thread, except for the reply of its
// request, which may come from any: it is posted over.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread.h"
#include "service/call_gate.h"
#include "service/json/door.h"
#include "service/json/http.h"
#include "service/json/request_parser.h"
#include "service/json/request_reader.h"

namespace pallet::service::json {

using Context = boost::asio::io_context;
// Without the type-erased executor: it costs at each operation.
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                Context::executor_type>;

// What all workers share. Outlives them.
struct Shared {
  explicit Shared(DoorOptions options, uint64_t max_body_bytes)
      : door(std::move(options)), bodies(max_body_bytes) {}

  Clock* clock = nullptr;
  // In ticks of a second.
  uint64_t idle_ticks = 300;
  uint64_t transfer_ticks = 30;
  size_t connections_per_worker = 4096;

  const Door door;
  BodyBudget bodies;
  CallGate gate;
  std::atomic<bool> draining{false};
  std::atomic<uint32_t> connections{0};
  // Shared because an operation may look at it after the server is gone.
  std::shared_ptr<std::atomic<bool>> cancelled =
      std::make_shared<std::atomic<bool>>(false);
};

class Session;

class Worker {
 public:
  explicit Worker(Shared* shared);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  void Start(const std::string& name);
  // Ends the thread; sessions and their handlers stay until the destructor.
  void Stop();

  // Any thread.
  void Adopt(boost::asio::ip::tcp::socket::native_handle_type socket,
             const boost::asio::ip::tcp& protocol);
  // Any thread: closes idle connections, or all that wait for no operation.
  void CloseIdle();
  void CloseAll();

  Context& context() { return context_; }
  Shared& shared() { return *shared_; }
  RequestReader* reader() { return &reader_; }

  // Its own thread only from here on.
  uint64_t tick() const { return tick_; }
  const std::string& date();
  void AppendRequestId(std::string* out);
  void Add(Session* session) { sessions_.insert(session); }
  void Remove(Session* session) { sessions_.erase(session); }

 private:
  void Tick();
  bool MakeRoom();

  Shared* const shared_;
  RequestReader reader_;
  Random random_;
  uint64_t tick_ = 0;
  uint64_t date_tick_ = UINT64_MAX;
  std::string date_;
  // Outlives the context, whose end destroys the sessions.
  std::unordered_set<Session*> sessions_;
  Context context_{1};
  boost::asio::executor_work_guard<Context::executor_type> work_;
  boost::asio::basic_waitable_timer<
      std::chrono::steady_clock,
      boost::asio::wait_traits<std::chrono::steady_clock>,
      Context::executor_type>
      timer_;
  Thread thread_;
};

// Shared because each operation of the socket that is under way keeps it.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, Worker* worker);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  void Start();
  void Close();

  // Waits for the first byte of a request.
  bool is_idle() const { return state_ == State::kReading && !started_; }
  // An operation has its request.
  bool is_running() const { return state_ == State::kRunning; }
  uint64_t deadline() const { return deadline_; }

 private:
  enum class State { kReading, kRunning, kWriting, kLingering, kClosed };

  void Read();
  void Parse();
  void Progress();
  void Dispatch();
  void Respond(Door::MakeAnswer make);
  void Refuse(ReadProblem problem);
  void Write(HttpAnswer answer);
  void MakeHead(const HttpAnswer& answer);
  void Written();
  void Linger();
  void LeaveGate();

  Socket socket_;
  Worker* const worker_;
  State state_ = State::kReading;
  bool started_ = false;  // a request has begun to arrive
  bool in_gate_ = false;
  bool close_ = false;
  uint64_t deadline_ = 0;  // a tick
  size_t received_ = 0;    // bytes since the deadline was set
  size_t discarded_ = 0;
  boost::beast::flat_buffer buffer_;
  HttpRequest request_;
  std::optional<RequestParser> parser_;
  std::optional<HttpAnswer> answer_;
  std::shared_ptr<Session> self_;  // while an operation is under way
  std::string head_;
};

}  // namespace pallet::service::json
