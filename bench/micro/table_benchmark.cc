// SPDX-License-Identifier: Apache-2.0
//
// The operations of a table against bare LMDB over the same image files, in one
// process and in turn, round by round; one line of JSON. bench/run calls it.
//
//   table_benchmark scan  --records 300000   StreamScan, its pages drained,
//                                            beside a cursor that copies values
//   table_benchmark reads --records 5000000  random GetItems of that many items
//                                            and of --small of them
//
// Everything is read once before it is measured: the page cache must hold it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "bench/load/records.h"
#include "bench/micro/local_table.h"
#include "pallet/wire/v1/item.pb.h"
#include "pallet/wire/v1/query.pb.h"

namespace pallet::bench {
namespace {

struct Settings {
  std::string scenario;
  std::string directory;
  uint64_t records = 300000;
  uint64_t small = 1000000;
  uint64_t reads = 200000;  // in a round
  int rounds = 7;
};

double Seconds(absl::FunctionRef<void()> body) {
  const absl::Duration start = Clock::Real()->Monotonic();
  body();
  return absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start);
}

// Times in rounds, as a member of a JSON object.
std::string Member(const std::string& name, const std::vector<double>& values) {
  return absl::StrFormat("\"%s\": [%s]", name, absl::StrJoin(values, ", "));
}

uint64_t ScanBare(BareImages& images) {
  Sink sink;
  uint64_t rows = 0;
  images.Scan([&](absl::string_view value) {
    sink.Take(value);
    ++rows;
  });
  return rows;
}

// Returns how many bytes of pages there were.
uint64_t ScanPages(const LocalTable& table) {
  wire::v1::StreamScanRequest request;
  request.mutable_scan()->set_table_name(kTable);
  auto source = (*table.operations().FindStream("StreamScan"))(
      request.SerializeAsString(), service::CallContext());
  CHECK_OK(source.status());
  uint64_t bytes = 0;
  while (true) {
    const auto page = (*source)->Next();
    CHECK_OK(page.status());
    if (!page->has_value()) return bytes;
    bytes += (*page)->size();
  }
}

int RunScan(const Settings& settings) {
  LocalTable table(settings.directory + "/table", settings.records);
  BareImages images(table);
  CHECK_EQ(ScanBare(images), settings.records);
  CHECK_GE(ScanPages(table), settings.records * kItemBytes / 2);
  std::vector<double> bare, pages;
  for (int i = 0; i < settings.rounds; ++i) {
    bare.push_back(Seconds([&] { ScanBare(images); }));
    pages.push_back(Seconds([&] { ScanPages(table); }));
  }
  std::printf("{\"scenario\": \"scan\", \"records\": %lu, %s, %s}\n",
              settings.records, Member("bare_s", bare).c_str(),
              Member("stream_scan_s", pages).c_str());
  return 0;
}

// A table of some size, and what random reads of it take.
class ReadRounds {
 public:
  ReadRounds(const Settings& settings, uint64_t records)
      : reads_(settings.reads) {
    load_s_ = Seconds([&] {
      table_ = std::make_unique<LocalTable>(
          absl::StrCat(settings.directory, "/table-", records), records);
    });
    images_ = std::make_unique<BareImages>(*table_);
    CHECK_EQ(ScanBare(*images_), records);
    ScanPages(*table_);
  }

  void Run(uint64_t seed) {
    Random random(seed);
    std::vector<uint64_t> numbers(reads_);
    for (uint64_t& number : numbers) number = random.Below(table_->records());
    get_us_.push_back(TimeGets(numbers) * 1e6 / reads_);
    bare_us_.push_back(TimeBare(numbers) * 1e6 / reads_);
  }

  std::string Members() const {
    const std::string name = absl::StrCat(table_->records());
    return absl::StrCat("\"load_s_", name, "\": ", load_s_, ", ",
                        Member("get_us_" + name, get_us_), ", ",
                        Member("bare_us_" + name, bare_us_));
  }

 private:
  double TimeGets(const std::vector<uint64_t>& numbers) {
    std::vector<std::string> requests;
    for (const uint64_t number : numbers) {
      wire::v1::GetItemRequest request;
      request.set_table_name(kTable);
      request.set_key(RecordKey(number).Encode());
      requests.push_back(request.SerializeAsString());
    }
    const service::Operation& get = *table_->operations().Find("GetItem");
    return Seconds([&] {
      for (const std::string& request : requests) {
        get(request, service::CallContext(),
            [](absl::StatusOr<std::string> response) {
              CHECK_GE(response.value().size(), kItemBytes / 2);
            });
      }
    });
  }

  double TimeBare(const std::vector<uint64_t>& numbers) {
    std::vector<std::string> keys;
    for (const uint64_t number : numbers) {
      keys.push_back(table_->RowKeyOf(number));
    }
    Sink sink;
    return Seconds([&] {
      for (const std::string& key : keys) {
        images_->Get(table_->StoreOf(key), key,
                     [&](absl::string_view value) { sink.Take(value); });
      }
    });
  }

  const uint64_t reads_;
  double load_s_ = 0;
  std::unique_ptr<LocalTable> table_;
  std::unique_ptr<BareImages> images_;
  std::vector<double> get_us_, bare_us_;
};

int RunReads(const Settings& settings) {
  ReadRounds small(settings, settings.small);
  ReadRounds large(settings, settings.records);
  for (int i = 0; i < settings.rounds; ++i) {
    small.Run(i);
    large.Run(i);
  }
  std::printf("{\"scenario\": \"reads\", %s, %s}\n", small.Members().c_str(),
              large.Members().c_str());
  return 0;
}

int Run(const Settings& settings) {
  if (settings.scenario == "scan") return RunScan(settings);
  if (settings.scenario == "reads") return RunReads(settings);
  std::fprintf(stderr, "no scenario %s\n", settings.scenario.c_str());
  return 2;
}

}  // namespace
}  // namespace pallet::bench

int main(int argc, char** argv) {
  // As palletd does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  pallet::Logger::Real()->set_level(pallet::LogLevel::kWarning);
  pallet::bench::Settings settings;
  CLI::App app("Operations of a table beside bare LMDB, in one process");
  app.add_option("scenario", settings.scenario, "scan or reads")->required();
  app.add_option("--dir", settings.directory, "an empty directory for the data")
      ->required();
  app.add_option("--records", settings.records, "items of 1 KB");
  app.add_option("--small", settings.small, "items of the smaller table");
  app.add_option("--reads", settings.reads, "random reads in a round");
  app.add_option("--rounds", settings.rounds, "rounds");
  CLI11_PARSE(app, argc, argv);
  return pallet::bench::Run(settings);
}
