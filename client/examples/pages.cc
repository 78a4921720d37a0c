// SPDX-License-Identifier: Apache-2.0
//
// Many items: batches write them, a range reads a query page by page, a stream
// reads the whole table.
//
//   pages localhost:8001
#include <cstdlib>
#include <iostream>
#include <string>

#include "client/client.h"
#include "model/errors.h"

namespace {

constexpr char kTable[] = "example_readings";

absl::Status Write(pallet::Client& client) {
  for (int hour = 0; hour < 24; ++hour) {
    pallet::BatchWriteRequest batch;
    for (int sensor = 0; sensor < 25; ++sensor) {
      batch.tables[kTable].puts.push_back(
          {{"sensor", sensor}, {"hour", hour}, {"degrees", 20 + hour / 10.0}});
    }
    const auto written = client.BatchWrite(batch);
    if (!written.ok()) return written.status();
    // The client has asked again for what the service left out; what is still
    // here, the service was too busy for.
    if (!written->unprocessed.empty()) return absl::UnavailableError("busy");
  }
  return absl::OkStatus();
}

absl::Status Read(pallet::Client& client) {
  // The afternoon of one sensor, latest first.
  const pallet::QueryRequest afternoon{
      .table = kTable,
      .key_condition = "sensor = :s AND #h BETWEEN :from AND :to",
      .names = {{"#h", "hour"}},
      .values = {{":s", 7}, {":from", 12}, {":to", 18}},
      .forward = false};
  for (const auto& item : client.QueryItems(afternoon)) {
    if (!item.ok()) return item.status();
    std::cout << *item << "\n";
  }

  // Everything, as fast as it can be read.
  int readings = 0;
  for (const auto& item : client.StreamScan({.table = kTable})) {
    if (!item.ok()) return item.status();
    ++readings;
  }
  std::cout << readings << " readings\n";
  return absl::OkStatus();
}

absl::Status Run(pallet::Client client) {
  const auto table = client.CreateTable(
      {.table = kTable,
       .key = {
           .partition = {.name = "sensor", .type = pallet::ScalarType::kNumber},
           .sort = pallet::KeyAttribute{.name = "hour",
                                        .type = pallet::ScalarType::kNumber}}});
  if (!table.ok() && pallet::model::ReasonOf(table.status()) !=
                         pallet::model::Reason::kTableAlreadyExists) {
    return table.status();
  }
  if (absl::Status status = Write(client); !status.ok()) return status;
  return Read(client);
}

}  // namespace

int main(int argc, char** argv) {
  const auto client = pallet::Client::Connect(
      {.address = argc > 1 ? argv[1] : "localhost:8001"});
  const absl::Status status = client.ok() ? Run(*client) : client.status();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
