// SPDX-License-Identifier: Apache-2.0
//
// ServerConfig: everything palletd can be told, by flag or in a TOML file.
// A setting has one name: "grpc.reflection" in the file (key `reflection` of
// table `[grpc]`) is the flag --grpc-reflection. A flag wins over the file, the
// file over the default; an unknown key in either is refused.
//
//   data_dir = "/var/lib/pallet"
//   [grpc]
//   address = "0.0.0.0:8001"
//   max_connection_age = "30m"
//   [store]
//   map_size = "1TiB"
//   [[access_key]]
//   id = "AKIAEXAMPLE"
//   secret = "..."
//
// Values only; pure functions but for reading the one file named by --config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "service/json/access_key.h"

namespace pallet::service {

struct GrpcConfig {
  std::string address = "127.0.0.1:8001";  // host:port or unix:path
  bool reflection = true;
  uint64_t max_receive_bytes = uint64_t{17} << 20;
  absl::Duration max_deadline = absl::Minutes(5);  // of a unary call
  absl::Duration keepalive_time = absl::Minutes(2);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  absl::Duration min_ping_interval = absl::Seconds(10);
  absl::Duration max_connection_age = absl::InfiniteDuration();
  absl::Duration max_connection_age_grace = absl::Minutes(1);
  uint32_t max_concurrent_streams = 4096;  // calls at once, per connection
};

// DynamoDB's JSON over HTTP.
struct JsonConfig {
  std::string address = "127.0.0.1:8000";  // host:port, or "none"
  uint32_t threads = 0;                    // 0: one per core
  uint32_t max_connections = 4096;
  absl::Duration idle_timeout = absl::Minutes(5);
  absl::Duration transfer_timeout = absl::Seconds(30);
  uint64_t max_body_bytes = uint64_t{256} << 20;
  // None: signatures are not looked at, and it listens on loopback only.
  std::vector<json::AccessKey> access_keys;
};

struct PipelineConfig {
  uint32_t max_in_flight = 4096;  // operations of one stream; then it waits
  uint64_t max_in_flight_bytes = uint64_t{64} << 20;  // requests and answers
  uint32_t frame_operations = 512;  // answers gathered into one frame
  uint64_t frame_bytes = uint64_t{1} << 20;
};

struct ReadConfig {
  uint32_t threads = 0;   // 0: one per core, at least two
  uint32_t queue = 4096;  // reads waiting; then RESOURCE_EXHAUSTED
};

struct StoreConfig {
  uint64_t map_size = uint64_t{1} << 40;
  uint64_t segment_bytes = uint64_t{64} << 20;
  uint64_t inbox_bytes = uint64_t{64} << 20;
  uint32_t inbox_writes = 65536;
  uint64_t memtable_bytes = uint64_t{8} << 20;
  uint64_t checkpoint_bytes = uint64_t{1} << 30;
  uint64_t free_disk_reserve = uint64_t{256} << 20;
};

struct IndexConfig {
  // Changes of a partition that a global index may lack; then writes of the
  // partition are refused with a throttling error.
  uint32_t max_backlog = 10'000'000;
};

struct StreamConfig {
  // Records are kept so long, and so are closed streams.
  absl::Duration retention = absl::Hours(24);
  uint32_t max_watches = 1024;  // open at once; then RESOURCE_EXHAUSTED
};

// A node of a cluster (docs/cluster.md). Without a name it is one node alone.
struct ClusterConfig {
  std::string name = {};
  std::string etcd = {};  // host:port, with commas between
  // Where it listens for other nodes, and what it tells them of itself; empty:
  // where it listens.
  std::string peer_address = "127.0.0.1:0";
  std::string advertise_peer_address = {};
  std::string advertise_grpc_address = {};
  // Only with so many is a new cluster founded; each has a copy of everything.
  uint32_t initial_nodes = 3;
  // A node that is gone for so long is replaced by one without copies.
  absl::Duration replace_after = absl::Minutes(5);
};

struct LogConfig {
  LogFormat format = LogFormat::kAuto;
  std::string level = "info";  // debug, info, warning or error
};

struct ServerConfig {
  std::string data_dir = "pallet-data";
  uint32_t stores = 0;  // 0: min(4, cores); fixed when the directory is made
  uint32_t max_global_indexes = 25;  // of a table
  GrpcConfig grpc;
  JsonConfig json;
  std::string admin_address = "127.0.0.1:8002";  // host:port, or "none"
  PipelineConfig pipeline;
  ReadConfig read;
  StoreConfig store;
  IndexConfig index;
  StreamConfig stream;
  ClusterConfig cluster;
  LogConfig log;
  absl::Duration drain_timeout = absl::Seconds(30);  // of a graceful stop
};

// What the command line asks for.
struct CommandLine {
  enum class Action { kServe, kPrint, kFail };
  Action action = Action::kServe;
  ServerConfig config;  // kServe
  std::string text;     // kPrint: help or version; kFail: what was wrong
};

// Reads flags and the file they name. Never exits, never prints.
// `access_keys_text` are more key pairs, from the environment, where others do
// not see them as they see flags: ID:SECRET, with commas between.
CommandLine ParseCommandLine(const std::vector<std::string>& arguments,
                             absl::string_view access_keys_text = "");

// Applies a TOML text to `config`. `source` names it in messages.
absl::Status ApplyToml(absl::string_view toml, absl::string_view source,
                       ServerConfig* config);

// Relations between settings; ParseCommandLine has called it.
absl::Status Validate(const ServerConfig& config);

// "64MiB", "17 MB", "4096": a whole number of bytes.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);

}  // namespace pallet::service
