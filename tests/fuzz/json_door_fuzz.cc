// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an HTTP connection: the parser and the door behind it answer or
// refuse, with and without signatures.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "base/check.h"
#include "service/json/door.h"
#include "service/json/request_parser.h"

namespace {

using namespace pallet::service;
using namespace pallet::service::json;

Door* MakeDoor(std::vector<AccessKey> keys) {
  static auto* const registry = [] {
    auto* made = new OperationRegistry;
    for (const char* name : {"GetItem", "PutItem", "Query", "BatchGetItem"}) {
      made->Add(name,
                [](absl::string_view bytes, const CallContext&, Reply reply) {
                  // What was read is as good a message as any.
                  reply(std::string(bytes));
                });
    }
    return made;
  }();
  static auto* const metrics = new Metrics(pallet::Clock::Real());
  DoorOptions options;
  options.operations = registry;
  options.metrics = metrics;
  options.access_keys = std::move(keys);
  return new Door(std::move(options));
}

void Ask(const Door& door, HttpRequest request) {
  static auto* const reader = new RequestReader;
  int answers = 0;
  door.Handle(&request, reader, nullptr, [&](Door::MakeAnswer make) {
    const HttpAnswer answer = std::move(make)();
    ++answers;
    CHECK(answer.status >= 200 && answer.status < 600);
  });
  CHECK_EQ(answers, 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Door* const open = MakeDoor({});
  static Door* const closed = MakeDoor({{"id", "secret"}});
  static auto* const budget = new BodyBudget(64 << 20);
  HttpRequest request;
  size_t at = 0;
  while (at < size) {
    RequestParser parser(&request, budget);
    boost::beast::error_code error;
    while (at < size && !parser.is_done()) {
      const size_t used =
          parser.put(boost::asio::buffer(data + at, size - at), error);
      at += used;
      if (error) break;
    }
    if (error || !parser.is_done()) return 0;
    Ask(*closed, request);
    Ask(*open, request);
  }
  return 0;
}
