// SPDX-License-Identifier: Apache-2.0
//
// pallet_idle: makes things that do nothing, so that somebody can look at what
// they take in the server. Says "ready" when they are there and keeps them until
// its standard input ends. (Tables stay.)
//
//   pallet_idle tables      --count 500    a string key each
//   pallet_idle connections --count 500    a channel each, after one GetItem
//   pallet_idle streams     --count 500    Pipelines of one channel, after one
//                                          GetItem each
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "pallet/v1/item_service.grpc.pb.h"

namespace pallet::bench {
namespace {

using v1::ItemService;

struct Settings {
  std::string what;
  std::string address;
  std::string prefix = "idle";  // of the tables' names
  int count = 500;
};

std::unique_ptr<ItemService::Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return ItemService::NewStub(grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments));
}

// Of a table that is not there: the answer is an error, and that is enough.
v1::GetItemRequest SomeGet() {
  v1::GetItemRequest request;
  request.set_table_name("none-of-that-name");
  (*request.mutable_key()->mutable_attributes())["id"].set_s("1");
  return request;
}

// Until whoever started this has looked.
int Hold() {
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

int Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  return 1;
}

int MakeTables(const Settings& settings) {
  auto client = Client::Connect({.address = settings.address});
  if (!client.ok()) return Fail(client.status().ToString());
  for (int i = 0; i < settings.count; ++i) {
    const auto made = client->CreateTable(
        {.table = absl::StrCat(settings.prefix, "-", i),
         .key = {.partition = {"id", model::ScalarType::kString}}});
    if (!made.ok()) return Fail(made.status().ToString());
  }
  return Hold();
}

int HoldConnections(const Settings& settings) {
  std::vector<std::unique_ptr<ItemService::Stub>> stubs;
  for (int i = 0; i < settings.count; ++i) {
    stubs.push_back(Connect(settings.address));
    grpc::ClientContext context;
    v1::GetItemResponse response;
    const grpc::Status status =
        stubs.back()->GetItem(&context, SomeGet(), &response);
    if (status.error_code() != grpc::StatusCode::NOT_FOUND) {
      return Fail(status.error_message());
    }
  }
  return Hold();
}

int HoldStreams(const Settings& settings) {
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<
        grpc::ClientReaderWriter<v1::PipelineRequest, v1::PipelineResponse>>
        call;
  };
  const auto stub = Connect(settings.address);
  std::vector<std::unique_ptr<Stream>> streams;
  v1::PipelineRequest frame;
  *frame.add_operations()->mutable_get_item() = SomeGet();
  for (int i = 0; i < settings.count; ++i) {
    streams.push_back(std::make_unique<Stream>());
    Stream& stream = *streams.back();
    stream.call = stub->Pipeline(&stream.context);
    v1::PipelineResponse answer;
    if (!stream.call->Write(frame) || !stream.call->Read(&answer)) {
      return Fail(stream.call->Finish().error_message());
    }
  }
  const int result = Hold();
  for (const auto& stream : streams) {
    stream->call->WritesDone();
    if (!stream->call->Finish().ok()) return Fail("a stream ended badly");
  }
  return result;
}

int Run(const Settings& settings) {
  if (settings.what == "tables") return MakeTables(settings);
  if (settings.what == "connections") return HoldConnections(settings);
  if (settings.what == "streams") return HoldStreams(settings);
  return Fail(absl::StrCat("no idle ", settings.what));
}

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  pallet::bench::Settings settings;
  CLI::App app("Idle tables, connections or streams of a Pallet node");
  app.add_option("what", settings.what, "tables, connections or streams")
      ->required();
  app.add_option("--address", settings.address, "host:port")->required();
  app.add_option("--count", settings.count, "how many");
  app.add_option("--prefix", settings.prefix, "of the tables' names");
  CLI11_PARSE(app, argc, argv);
  return pallet::bench::Run(settings);
}
