// SPDX-License-Identifier: Apache-2.0
//
// A stub that answers from a script, with time that passes only by waiting.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "client/stub.h"

namespace pallet::testing {

class FakeClock : public Clock {
 public:
  absl::Time Now() override { return absl::UnixEpoch() + now_; }
  absl::Duration Monotonic() override { return now_; }
  void Advance(absl::Duration duration) { now_ += duration; }

 private:
  absl::Duration now_ = absl::Seconds(1000);
};

// Calls back before it returns.
class FakeStub : public Stub {
 public:
  // One per attempt, in order; the last one repeats.
  struct Reply {
    Failure failure = {};
    std::string response = {};
    absl::Duration takes = absl::ZeroDuration();
  };

  explicit FakeStub(FakeClock* clock) : clock_(*clock) {}

  void Call(const Method& method, absl::string_view request,
            absl::Duration timeout, Done done) override {
    calls.push_back(method.path);
    requests.emplace_back(request);
    timeouts.push_back(timeout);
    const Reply reply = Next();
    clock_.Advance(reply.takes);
    done({.failure = reply.failure, .response = reply.response});
  }

  std::shared_ptr<StubStream> Stream(const Method& method,
                                     absl::string_view request,
                                     absl::Duration) override {
    calls.push_back(method.path);
    requests.emplace_back(request);
    return std::make_shared<FakeStream>(this);
  }

  void After(absl::Duration delay,
             absl::AnyInvocable<void(bool)> done) override {
    waits.push_back(delay);
    clock_.Advance(delay);
    done(true);
  }

  void Shutdown() override {}

  std::deque<Reply> replies;
  std::vector<std::string> calls;
  std::vector<std::string> requests;
  std::vector<absl::Duration> timeouts;
  std::vector<absl::Duration> waits;

 private:
  // Messages come from the same script; an empty response ends the stream.
  class FakeStream : public StubStream {
   public:
    explicit FakeStream(FakeStub* stub) : stub_(*stub) {}
    void Read(absl::AnyInvocable<void(Attempt, bool)> done) override {
      const Reply reply = stub_.Next();
      done({.failure = reply.failure, .response = reply.response},
           reply.failure.status.ok() && reply.response.empty());
    }

   private:
    FakeStub& stub_;
  };

  Reply Next() {
    Reply reply = replies.front();
    if (replies.size() > 1) replies.pop_front();
    return reply;
  }

  FakeClock& clock_;
};

}  // namespace pallet::testing
