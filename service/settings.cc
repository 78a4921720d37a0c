// SPDX-License-Identifier: Apache-2.0
#include "service/settings.h"

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"

namespace pallet::service {
namespace {

constexpr char kListen[] = "Where it listens";
constexpr char kData[] = "Data";
constexpr char kGrpc[] = "gRPC";
constexpr char kJson[] = "DynamoDB JSON";
constexpr char kLoad[] = "Load";
constexpr char kCluster[] = "Cluster";
constexpr char kLog[] = "Log and stop";

struct Unit {
  absl::string_view name;
  uint64_t bytes;
};
constexpr Unit kUnits[] = {
    {"", 1},
    {"B", 1},
    {"KB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
    {"KiB", uint64_t{1} << 10},
    {"MiB", uint64_t{1} << 20},
    {"GiB", uint64_t{1} << 30},
    {"TiB", uint64_t{1} << 40},
};

std::string BytesText(uint64_t bytes) {
  const Unit* best = &kUnits[0];
  for (const Unit& unit : kUnits) {
    if (absl::EndsWith(unit.name, "iB") && bytes % unit.bytes == 0 &&
        bytes >= unit.bytes) {
      best = &unit;
    }
  }
  return absl::StrCat(bytes / best->bytes,
                      std::string(best->name.data(), best->name.size()));
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "never";
  return absl::FormatDuration(duration);
}

absl::Status Bad(absl::string_view text, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not ", wanted));
}

using Parse = std::function<absl::Status(absl::string_view, ServerConfig*)>;

Setting Make(absl::string_view name, absl::string_view group,
             absl::string_view value, absl::string_view help,
             std::string default_text, Parse parse) {
  return Setting{std::string(name), std::string(group),      std::string(value),
                 std::string(help), std::move(default_text), std::move(parse)};
}

// One maker per type of value. `member` finds the value in a config.
template <typename Member>
Setting Text(absl::string_view name, absl::string_view group,
             absl::string_view value, absl::string_view help, Member member) {
  ServerConfig defaults;
  return Make(name, group, value, help, *member(&defaults),
              [member](absl::string_view text, ServerConfig* config) {
                *member(config) = std::string(text);
                return absl::OkStatus();
              });
}

template <typename Member>
Setting Count(absl::string_view name, absl::string_view group,
              absl::string_view help, Member member) {
  ServerConfig defaults;
  return Make(name, group, "N", help, absl::StrCat(*member(&defaults)),
              [member](absl::string_view text, ServerConfig* config) {
                if (!absl::SimpleAtoi(text, member(config))) {
                  return Bad(text, "a whole number from 0 to 4294967295");
                }
                return absl::OkStatus();
              });
}

template <typename Member>
Setting Bytes(absl::string_view name, absl::string_view group,
              absl::string_view help, Member member) {
  ServerConfig defaults;
  return Make(name, group, "BYTES", help, BytesText(*member(&defaults)),
              [member](absl::string_view text, ServerConfig* config) {
                ASSIGN_OR_RETURN(*member(config), ParseBytes(text));
                return absl::OkStatus();
              });
}

template <typename Member>
Setting Duration(absl::string_view name, absl::string_view group,
                 absl::string_view help, Member member) {
  ServerConfig defaults;
  return Make(name, group, "DURATION", help, DurationText(*member(&defaults)),
              [member](absl::string_view text, ServerConfig* config) {
                absl::Duration duration = absl::InfiniteDuration();
                if (text != "never" && (!absl::ParseDuration(text, &duration) ||
                                        duration <= absl::ZeroDuration())) {
                  return Bad(text, "a duration such as \"90s\" or \"never\"");
                }
                *member(config) = duration;
                return absl::OkStatus();
              });
}

template <typename Member>
Setting Switch(absl::string_view name, absl::string_view group,
               absl::string_view help, Member member) {
  ServerConfig defaults;
  return Make(name, group, "on|off", help, *member(&defaults) ? "on" : "off",
              [member](absl::string_view text, ServerConfig* config) {
                if (text == "on" || text == "true") {
                  *member(config) = true;
                } else if (text == "off" || text == "false") {
                  *member(config) = false;
                } else {
                  return Bad(text, "\"on\" or \"off\"");
                }
                return absl::OkStatus();
              });
}

Setting LogFormatSetting() {
  return Make("log.format", kLog, "auto|text|json",
              "text for people, json for a log collector; auto: text if it "
              "goes to a terminal",
              "auto", [](absl::string_view text, ServerConfig* config) {
                if (text == "auto") {
                  config->log.format = LogFormat::kAuto;
                } else if (text == "text") {
                  config->log.format = LogFormat::kText;
                } else if (text == "json") {
                  config->log.format = LogFormat::kJson;
                } else {
                  return Bad(text, "\"auto\", \"text\" or \"json\"");
                }
                return absl::OkStatus();
              });
}

#define MEMBER(path) [](ServerConfig* config) { return &config->path; }

std::vector<Setting> MakeSettings() {
  return {
      Text("data_dir", kData, "DIR",
           "directory of the data; made if it does not exist",
           MEMBER(data_dir)),
      Count("stores", kData,
            "logs and images to spread the data over; 0 takes one per core, "
            "at most four; fixed when the directory is made",
            MEMBER(stores)),
      Count("max_global_indexes", kData,
            "global secondary indexes that a table may have",
            MEMBER(max_global_indexes)),
      Bytes("store.map_size", kData,
            "address space reserved for each image: the most it can grow to",
            MEMBER(store.map_size)),
      Bytes("store.segment_bytes", kData, "size of a log segment",
            MEMBER(store.segment_bytes)),
      Bytes("store.memtable_bytes", kData,
            "durable rows kept in memory before the image takes them; there "
            "may be twice as many",
            MEMBER(store.memtable_bytes)),
      Bytes("store.checkpoint_bytes", kData,
            "image pages, or log, written between two checkpoints; a quarter "
            "of it while the image is small",
            MEMBER(store.checkpoint_bytes)),
      Bytes("store.free_disk_reserve", kData,
            "refuse writes when less than this is free on the disk",
            MEMBER(store.free_disk_reserve)),
      Text("grpc.address", kListen, "HOST:PORT",
           "gRPC clients: HOST:PORT or unix:PATH; port 0 takes any free one",
           MEMBER(grpc.address)),
      Text("json.address", kListen, "HOST:PORT",
           "DynamoDB clients, JSON over HTTP; \"none\" turns it off",
           MEMBER(json.address)),
      Text("admin.address", kListen, "HOST:PORT",
           "metrics and health over HTTP; \"none\" turns it off",
           MEMBER(admin_address)),
      Switch("grpc.reflection", kGrpc, "answer grpcurl and the like",
             MEMBER(grpc.reflection)),
      Bytes("grpc.max_receive_bytes", kGrpc, "largest request message",
            MEMBER(grpc.max_receive_bytes)),
      Duration("grpc.max_deadline", kGrpc,
               "no call that is not a stream may take longer",
               MEMBER(grpc.max_deadline)),
      Duration("grpc.keepalive_time", kGrpc,
               "ping a connection that was quiet this long",
               MEMBER(grpc.keepalive_time)),
      Duration("grpc.keepalive_timeout", kGrpc,
               "close a connection whose ping is not answered in this time",
               MEMBER(grpc.keepalive_timeout)),
      Duration("grpc.min_ping_interval", kGrpc,
               "disconnect clients that ping more often",
               MEMBER(grpc.min_ping_interval)),
      Duration("grpc.max_connection_age", kGrpc,
               "ask clients to connect anew after this time",
               MEMBER(grpc.max_connection_age)),
      Duration("grpc.max_connection_age_grace", kGrpc,
               "time an aged connection has to finish its calls",
               MEMBER(grpc.max_connection_age_grace)),
      Count("grpc.max_concurrent_streams", kGrpc,
            "calls at once on one connection",
            MEMBER(grpc.max_concurrent_streams)),
      Count("json.threads", kJson,
            "threads for its sockets; 0 takes one per "
            "core",
            MEMBER(json.threads)),
      Count("json.max_connections", kJson,
            "beyond it the longest idle one is closed",
            MEMBER(json.max_connections)),
      Duration("json.idle_timeout", kJson,
               "close a connection without a request after this time",
               MEMBER(json.idle_timeout)),
      Duration("json.transfer_timeout", kJson,
               "close one on which nothing moves within a request",
               MEMBER(json.transfer_timeout)),
      Bytes("json.max_body_bytes", kJson,
            "bytes of large requests held at once; more are told to come back",
            MEMBER(json.max_body_bytes)),
      Count("pipeline.max_in_flight", kLoad,
            "operations one Pipeline stream has in work before it waits",
            MEMBER(pipeline.max_in_flight)),
      Bytes("pipeline.max_in_flight_bytes", kLoad,
            "bytes of requests and unsent answers before it waits",
            MEMBER(pipeline.max_in_flight_bytes)),
      Count("pipeline.frame_operations", kLoad, "answers put into one frame",
            MEMBER(pipeline.frame_operations)),
      Bytes("pipeline.frame_bytes", kLoad, "bytes of answers in one frame",
            MEMBER(pipeline.frame_bytes)),
      Count("read.threads", kLoad,
            "threads for queries, scans and batches; 0 takes one per core, at "
            "least two",
            MEMBER(read.threads)),
      Count("read.queue", kLoad,
            "reads waiting for a thread; more are told to come back",
            MEMBER(read.queue)),
      Count("store.inbox_writes", kLoad,
            "writes waiting in a store; more are told to come back",
            MEMBER(store.inbox_writes)),
      Bytes("store.inbox_bytes", kLoad, "bytes of writes waiting in a store",
            MEMBER(store.inbox_bytes)),
      Count("index.max_backlog", kLoad,
            "changes of a partition a global index may lack; then its writes "
            "are told to come back",
            MEMBER(index.max_backlog)),
      Duration("stream.retention", kLoad,
               "how long the records of streams are kept",
               MEMBER(stream.retention)),
      Count("stream.max_watches", kLoad,
            "watches open at once; more are told to come back",
            MEMBER(stream.max_watches)),
      Text("cluster.name", kCluster, "NAME",
           "the cluster it belongs to; none: one node alone",
           MEMBER(cluster.name)),
      Text("cluster.etcd", kCluster, "HOST:PORT,...",
           "etcd, which knows the cluster's nodes and tables",
           MEMBER(cluster.etcd)),
      Text("cluster.peer_address", kCluster, "HOST:PORT",
           "where it listens for the other nodes",
           MEMBER(cluster.peer_address)),
      Text("cluster.advertise_peer_address", kCluster, "HOST:PORT",
           "under which they reach it; none: where it listens",
           MEMBER(cluster.advertise_peer_address)),
      Text("cluster.advertise_grpc_address", kCluster, "HOST:PORT",
           "under which clients reach its gRPC port; none: where it listens",
           MEMBER(cluster.advertise_grpc_address)),
      Count("cluster.initial_nodes", kCluster,
            "so many found a new cluster; each has a copy of everything",
            MEMBER(cluster.initial_nodes)),
      Duration(
          "cluster.replace_after", kCluster,
          "a node that is gone for so long gives its place to one that has "
          "no copies",
          MEMBER(cluster.replace_after)),
      Text("log.level", kLog, "LEVEL", "debug, info, warning or error",
           MEMBER(log.level)),
      LogFormatSetting(),
      Duration("drain_timeout", kLog,
               "time running calls have to finish when it is asked to stop",
               MEMBER(drain_timeout)),
  };
}

#undef MEMBER

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  const absl::string_view unit =
      absl::StripAsciiWhitespace(text.substr(digits));
  uint64_t number = 0;
  if (absl::SimpleAtoi(text.substr(0, digits), &number)) {
    for (const Unit& known : kUnits) {
      if (unit != known.name) continue;
      if (number > std::numeric_limits<uint64_t>::max() / known.bytes) break;
      return number * known.bytes;
    }
  }
  return Bad(text, "a number of bytes such as \"64MiB\"");
}

const std::vector<Setting>& AllSettings() {
  static const auto* const settings = new std::vector<Setting>(MakeSettings());
  return *settings;
}

std::string FlagOf(absl::string_view setting_name) {
  return absl::StrCat(
      "--", absl::StrReplaceAll(setting_name, {{".", "-"}, {"_", "-"}}));
}

}  // namespace pallet::service
