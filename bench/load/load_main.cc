// SPDX-License-Identifier: Apache-2.0
//
// pallet_load: one measurement per run, printed as one line of JSON. bench/run
// starts the servers, takes measurements in turn and makes the table.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "bench/load/closed_loop.h"
#include "bench/load/echo_server.h"
#include "bench/load/http_calls.h"
#include "bench/load/raw_calls.h"
#include "bench/load/records.h"
#include "bench/load/transactions.h"
#include "bench/load/ycsb.h"
#include "client/client.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"

namespace pallet::bench {
namespace {

struct Settings {
  std::string scenario;
  std::string address = "127.0.0.1:8001";
  std::string file = "/tmp/pallet_fdatasync";
  uint64_t records = 100000;
  size_t item_bytes = 1000;
  int actions = 10;
  int attempts = RetryOptions().max_attempts;
  LoadOptions load;
};

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return t.tv_sec + t.tv_usec * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int Print(const Settings& settings, const LoadResult& result,
          double conflict_share = 0) {
  const auto us = [&](double quantile) {
    return absl::ToInt64Microseconds(result.latency->Quantile(quantile));
  };
  std::printf(
      "{\"scenario\": \"%s\", \"in_flight\": %d, \"operations\": %lu, "
      "\"rate\": %.0f, \"p50_us\": %ld, \"p99_us\": %ld, \"p999_us\": %ld, "
      "\"failures\": %lu, \"conflict_share\": %.4f, \"client_cpu_s\": %.2f}\n",
      settings.scenario.c_str(), settings.load.in_flight, result.operations,
      result.Rate(), us(0.5), us(0.99), us(0.999), result.failures,
      conflict_share, CpuSeconds());
  if (result.failures > 0) {
    std::fprintf(stderr, "%s\n", result.first_failure.ToString().c_str());
    return 1;
  }
  return 0;
}

std::string EncodedGet(const Settings& settings, Random& random) {
  wire::v1::GetItemRequest request;
  request.set_table_name(kTable);
  request.set_key(RecordKey(random.Below(settings.records)).Encode());
  return request.SerializeAsString();
}

// Answers as long as a GetItem's of the same record.
size_t GetReplyBytes(const Settings& settings) {
  Random random(1);
  wire::v1::GetItemResponse response;
  response.set_item(Record(1, settings.item_bytes, random).Encode());
  return response.ByteSizeLong();
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

TransactionOptions TransactionsOf(const Settings& settings) {
  return {.records = settings.records,
          .item_bytes = settings.item_bytes,
          .actions = settings.actions,
          .load = settings.load};
}

Client Connect(const Settings& settings) {
  return *Client::Connect({.address = settings.address,
                           .retry = {.max_attempts = settings.attempts}});
}

int RunEchoServer(const Settings& settings) {
  auto server = EchoServer::Start(settings.address, GetReplyBytes(settings));
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  pause();  // until a signal ends the process
  return 0;
}

int RunUnaryOf(const Settings& settings, const char* method) {
  return Print(settings,
               RunUnary(
                   settings.address, method,
                   [&](Random& random) { return EncodedGet(settings, random); },
                   settings.load));
}

int RunBeastServer(const Settings& settings) {
  // As long as the JSON of a GetItem.
  auto server = BeastServer::Start(settings.address, settings.item_bytes + 200);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  pause();  // until a signal ends the process
  return 0;
}

std::string JsonGet(const Settings& settings, Random& random) {
  return absl::StrCat("{\"TableName\":\"", kTable,
                      "\",\"Key\":{\"id\":{\"S\":\"",
                      RecordId(random.Below(settings.records)), "\"}}}");
}

std::string JsonPut(const Settings& settings, Random& random) {
  std::string body =
      absl::StrCat("{\"TableName\":\"", kTable, "\",\"Item\":{\"id\":{\"S\":\"",
                   RecordId(random.Below(settings.records)), "\"}");
  const size_t field = (settings.item_bytes - 80) / kFields;
  const uint64_t where = random.Next();
  for (int i = 0; i < kFields; ++i) {
    absl::StrAppend(&body, ",\"field", i, "\":{\"S\":\"",
                    CutText(field, where + i * field), "\"}");
  }
  return body + "}}";
}

int RunHttpOf(const Settings& settings, const char* target,
              std::string (*make)(const Settings&, Random&)) {
  return Print(settings,
               RunHttp(
                   settings.address, target,
                   [&](Random& random) { return make(settings, random); },
                   settings.load));
}

int RunGet(const Settings& settings) {
  Client client = Connect(settings);
  return Print(
      settings,
      RunClosedLoop(settings.load, [&](int, Random& random, auto done) {
        client.GetItemAsync(
            {.table = kTable, .key = RecordKey(random.Below(settings.records))},
            [done = std::move(done)](auto got) mutable {
              if (got.ok() && !got->item) {
                return done(absl::NotFoundError("a record is missing"));
              }
              done(got.status());
            });
      }));
}

int RunPut(const Settings& settings) {
  Client client = Connect(settings);
  return Print(
      settings,
      RunClosedLoop(settings.load, [&](int, Random& random, auto done) {
        const uint64_t number = random.Below(settings.records);
        client.PutItemAsync(
            {.table = kTable,
             .item = Record(number, settings.item_bytes, random)},
            [done = std::move(done)](auto put) mutable { done(put.status()); });
      }));
}

int RunBatchPut(const Settings& settings) {
  Client client = Connect(settings);
  return Print(
      settings,
      RunClosedLoop(settings.load, [&](int, Random& random, auto done) {
        BatchWriteRequest request;
        for (uint64_t i = 0, at = random.Below(settings.records); i < 25; ++i) {
          // A stride keeps the keys distinct and spread.
          at = (at + settings.records / 25) % settings.records;
          request.tables[kTable].puts.push_back(
              Record(at, settings.item_bytes, random));
        }
        client.BatchWriteAsync(
            request,
            [done = std::move(done)](auto put) mutable { done(put.status()); });
      }));
}

int RunBatchGroups(const Settings& settings) {
  Client client = Connect(settings);
  const absl::Status made = MakeGroups(client);
  if (!made.ok()) return Fail(made);
  return Print(settings, RunGroupBatches(client, TransactionsOf(settings)));
}

int RunTransactGroups(const Settings& settings) {
  Client client = Connect(settings);
  const absl::Status made = MakeGroups(client);
  if (!made.ok()) return Fail(made);
  const TransactionResult result =
      RunGroupTransactions(client, TransactionsOf(settings));
  return Print(settings, result.load, result.conflict_share);
}

int RunTransactSpread(const Settings& settings) {
  Client client = Connect(settings);
  const TransactionResult result =
      RunSpreadTransactions(client, TransactionsOf(settings));
  return Print(settings, result.load, result.conflict_share);
}

int RunScan(const Settings& settings) {
  wire::v1::StreamScanRequest request;
  request.mutable_scan()->set_table_name(kTable);
  const StreamResult result =
      DrainStream(settings.address, "/pallet.v1.ItemService/StreamScan",
                  request.SerializeAsString());
  std::printf(
      "{\"scenario\": \"%s\", \"messages\": %lu, \"bytes\": %lu, "
      "\"seconds\": %.3f, \"rate\": %.0f}\n",
      settings.scenario.c_str(), result.messages, result.bytes,
      absl::ToDoubleSeconds(result.elapsed),
      settings.records / absl::ToDoubleSeconds(result.elapsed));
  if (!result.status.ok()) {
    std::fprintf(stderr, "%s\n", result.status.ToString().c_str());
  }
  return result.status.ok() ? 0 : 1;
}

// The bare limit of a lone durable write: pwrite and fdatasync of one record
// into a zero-filled file, again and again.
int RunFdatasync(const Settings& settings) {
  constexpr size_t kFileBytes = 64 << 20;
  const size_t step = (settings.item_bytes + 1023) / 512 * 512;
  const int fd = open(settings.file.c_str(), O_CREAT | O_RDWR, 0600);
  const std::string zeros(1 << 20, '\0');
  for (size_t at = 0; at < kFileBytes; at += zeros.size()) {
    if (pwrite(fd, zeros.data(), zeros.size(), at) < 0) return 1;
  }
  if (fdatasync(fd) != 0) return 1;
  const std::string record(step, 'x');
  LoadResult result;
  Clock* clock = Clock::Real();
  const absl::Duration started = clock->Monotonic();
  size_t at = 0;
  while (result.elapsed < settings.load.duration) {
    const absl::Duration before = clock->Monotonic();
    if (pwrite(fd, record.data(), step, at) != static_cast<ssize_t>(step) ||
        fdatasync(fd) != 0) {
      return 1;
    }
    const absl::Duration now = clock->Monotonic();
    result.latency->Record(now - before);
    result.elapsed = now - started;
    ++result.operations;
    at = (at + step) % (kFileBytes - step);
  }
  close(fd);
  unlink(settings.file.c_str());
  return Print(settings, result);
}

int RunLoad(const Settings& settings, bool ordered) {
  Client client = Connect(settings);
  const absl::Duration started = Clock::Real()->Monotonic();
  const absl::Status status =
      ordered
          ? LoadOrderedRecords(client, settings.records, settings.item_bytes)
          : LoadRecords(client, settings.records, settings.item_bytes);
  const double seconds =
      absl::ToDoubleSeconds(Clock::Real()->Monotonic() - started);
  std::printf("{\"scenario\": \"%s\", \"seconds\": %.2f, \"rate\": %.0f}\n",
              settings.scenario.c_str(), seconds, settings.records / seconds);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

int RunYcsbOf(const Settings& settings) {
  Client client = Connect(settings);
  return Print(settings, RunYcsb(client, {.workload = settings.scenario.back(),
                                          .records = settings.records,
                                          .item_bytes = settings.item_bytes,
                                          .load = settings.load}));
}

int Run(const Settings& settings) {
  const std::map<std::string, std::function<int()>> scenarios = {
      {"echo-server", [&] { return RunEchoServer(settings); }},
      {"echo", [&] { return RunUnaryOf(settings, kEchoUnaryPath); }},
      {"get-unary",
       [&] { return RunUnaryOf(settings, "/pallet.v1.ItemService/GetItem"); }},
      {"beast-server", [&] { return RunBeastServer(settings); }},
      {"get-json", [&] { return RunHttpOf(settings, "GetItem", JsonGet); }},
      {"put-json", [&] { return RunHttpOf(settings, "PutItem", JsonPut); }},
      {"get", [&] { return RunGet(settings); }},
      {"put", [&] { return RunPut(settings); }},
      {"batch-put", [&] { return RunBatchPut(settings); }},
      {"batch-groups", [&] { return RunBatchGroups(settings); }},
      {"transact-groups", [&] { return RunTransactGroups(settings); }},
      {"transact-spread", [&] { return RunTransactSpread(settings); }},
      {"scan", [&] { return RunScan(settings); }},
      {"fdatasync", [&] { return RunFdatasync(settings); }},
      {"load", [&] { return RunLoad(settings, false); }},
      {"load-ordered", [&] { return RunLoad(settings, true); }},
  };
  if (settings.scenario.starts_with("ycsb-")) return RunYcsbOf(settings);
  const auto found = scenarios.find(settings.scenario);
  if (found != scenarios.end()) return found->second();
  std::fprintf(stderr, "no scenario %s\n", settings.scenario.c_str());
  return 2;
}

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  // As palletd does: the same process settings on all sides.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  pallet::bench::Settings settings;
  double seconds = 5;
  CLI::App app("One measurement of a Pallet node or of a bare limit");
  app.add_option("scenario", settings.scenario,
                 "echo-server, echo, beast-server, get-unary, get-json, "
                 "put-json, get, put, batch-put, batch-groups, "
                 "transact-groups, transact-spread, scan, "
                 "fdatasync, load, load-ordered, ycsb-A .. ycsb-F")
      ->required();
  app.add_option("--address", settings.address, "host:port or unix:path");
  app.add_option("--file", settings.file, "scratch file of fdatasync");
  app.add_option("--records", settings.records, "records in the table");
  app.add_option("--item-bytes", settings.item_bytes, "bytes of a record");
  app.add_option("--actions", settings.actions,
                 "items of a transaction, or of batch-groups");
  app.add_option("--attempts", settings.attempts,
                 "calls in all of an operation that fails; transactions that "
                 "may be repeated have tokens");
  app.add_option("--in-flight", settings.load.in_flight, "operations at once");
  app.add_option("--seconds", seconds, "measured time");
  app.add_option("--seed", settings.load.seed, "of the random choices");
  CLI11_PARSE(app, argc, argv);
  settings.load.duration = absl::Seconds(seconds);
  return pallet::bench::Run(settings);
}
