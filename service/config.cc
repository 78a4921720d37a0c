// SPDX-License-Identifier: Apache-2.0
#include "service/config.h"

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "service/settings.h"
#include "service/version.h"

namespace pallet::service {
namespace {

// Beside the settings that have one value each.
constexpr char kAccessKey[] = "access_key";

std::string Joined(absl::string_view prefix, std::string_view key) {
  return absl::StrCat(prefix, prefix.empty() ? "" : ".",
                      absl::string_view(key.data(), key.size()));
}

// A value of the file as the text a flag would have.
absl::StatusOr<std::string> TextOf(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) {
    return absl::StrCat(number->get());
  }
  if (const auto* boolean = node.as_boolean()) {
    return std::string(boolean->get() ? "on" : "off");
  }
  return absl::InvalidArgumentError(
      "the value must be a string, a whole number or a boolean");
}

// The id has no colon, the secret may.
absl::Status AddAccessKey(absl::string_view text, ServerConfig* config) {
  const std::pair<std::string, std::string> pair =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (pair.first.empty() || pair.second.empty()) {
    return absl::InvalidArgumentError(
        "an access key is written ID:SECRET");  // and never shown
  }
  config->json.access_keys.push_back({pair.first, pair.second});
  return absl::OkStatus();
}

// [[access_key]] with id and secret.
absl::Status AddAccessKeys(const toml::array& keys, ServerConfig* config) {
  for (const toml::node& node : keys) {
    const toml::table* table = node.as_table();
    if (table == nullptr || table->size() != 2) {
      return absl::InvalidArgumentError("it has an id and a secret");
    }
    const std::string id = (*table)["id"].value_or(std::string());
    const std::string secret = (*table)["secret"].value_or(std::string());
    RETURN_IF_ERROR(AddAccessKey(absl::StrCat(id, ":", secret), config));
  }
  return absl::OkStatus();
}

absl::Status ApplyOne(const std::string& name, const std::string& text,
                      ServerConfig* config) {
  for (const Setting& setting : AllSettings()) {
    if (setting.name == name) return setting.set(text, config);
  }
  return absl::InvalidArgumentError("no such setting");
}

absl::Status ApplyTable(const toml::table& table, const std::string& prefix,
                        absl::string_view source, ServerConfig* config) {
  for (const auto& [key, node] : table) {
    const std::string name = Joined(prefix, key.str());
    absl::Status status;
    if (name == kAccessKey && node.is_array()) {
      status = AddAccessKeys(*node.as_array(), config);
    } else if (const toml::table* inner = node.as_table()) {
      RETURN_IF_ERROR(ApplyTable(*inner, name, source, config));
    } else if (auto text = TextOf(node); text.ok()) {
      status = ApplyOne(name, *text, config);
    } else {
      status = text.status();
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(source, ":", node.source().begin.line, ": ", name, ": ",
                       status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyFile(const std::string& path, ServerConfig* config) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  return ApplyToml(text.str(), path, config);
}

bool IsTcpAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 0 &&
         port <= 65535;
}

// CLI11's parser with one string per setting; what was given lands in `given`.
struct Parser {
  CLI::App app{
      "Serves tables of documents over gRPC and DynamoDB's JSON, from one "
      "directory of data.",
      "palletd"};
  std::string config_path;
  std::map<std::string, std::string> given;  // by setting name
  std::vector<std::string> access_keys;
};

bool IsLoopback(absl::string_view address) {
  const absl::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host == "::1" ||
         absl::StartsWith(host, "127.");
}

void AddOptions(Parser* parser) {
  CLI::App& app = parser->app;
  app.set_help_flag("-h,--help", "print this and exit");
  app.set_version_flag("--version", absl::StrCat("palletd ", kVersion),
                       "print the version and exit");
  app.get_formatter()->column_width(38);
  app.add_option("--config", parser->config_path,
                 "read settings from a TOML file; flags win over it")
      ->type_name("FILE");
  for (const Setting& setting : AllSettings()) {
    app.add_option_function<std::string>(
           FlagOf(setting.name),
           [parser, name = setting.name](const std::string& text) {
             parser->given[name] = text;
           },
           setting.help)
        ->type_name(setting.value)
        ->default_str(setting.default_text)
        ->group(setting.group);
  }
  app.add_option("--access-key", parser->access_keys,
                 "who may use the DynamoDB port: signatures are checked; may "
                 "be given several times, better in the file or in "
                 "PALLET_ACCESS_KEYS")
      ->type_name("ID:SECRET")
      ->take_all()
      ->group("DynamoDB JSON");
  app.footer(
      "In the file --grpc-address is the key `address` of table [grpc].\n"
      "Bytes are written 4096, 64MiB or 1GB; durations 90s, 5m or never.");
}

absl::StatusOr<ServerConfig> Combine(const Parser& parser,
                                     absl::string_view access_keys_text) {
  ServerConfig config;
  if (!parser.config_path.empty()) {
    RETURN_IF_ERROR(ApplyFile(parser.config_path, &config));
  }
  for (const auto& [name, text] : parser.given) {
    const absl::Status status = ApplyOne(name, text, &config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(FlagOf(name), ": ", status.message()));
    }
  }
  for (const std::string& key : parser.access_keys) {
    RETURN_IF_ERROR(AddAccessKey(key, &config));
  }
  for (const absl::string_view key :
       absl::StrSplit(access_keys_text, ',', absl::SkipWhitespace())) {
    RETURN_IF_ERROR(AddAccessKey(absl::StripAsciiWhitespace(key), &config));
  }
  RETURN_IF_ERROR(Validate(config));
  return config;
}

}  // namespace

CommandLine ParseCommandLine(const std::vector<std::string>& arguments,
                             absl::string_view access_keys_text) {
  CommandLine result;
  Parser parser;
  AddOptions(&parser);
  try {
    // CLI11 takes them from the back.
    parser.app.parse(
        std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return {CommandLine::Action::kPrint, {}, parser.app.help()};
  } catch (const CLI::CallForVersion&) {
    return {CommandLine::Action::kPrint, {}, parser.app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return {CommandLine::Action::kFail,
            {},
            absl::StrCat("palletd: ", error.what(), "\n")};
  }
  absl::StatusOr<ServerConfig> config = Combine(parser, access_keys_text);
  if (!config.ok()) {
    return {CommandLine::Action::kFail,
            {},
            absl::StrCat("palletd: ", config.status().message(), "\n")};
  }
  result.config = *std::move(config);
  return result;
}

absl::Status ApplyToml(absl::string_view toml, absl::string_view source,
                       ServerConfig* config) {
  try {
    const toml::table table =
        toml::parse(std::string_view(toml.data(), toml.size()));
    return ApplyTable(table, "", source, config);
  } catch (const toml::parse_error& error) {
    const std::string_view what = error.description();
    return absl::InvalidArgumentError(
        absl::StrCat(source, ":", error.source().begin.line, ": ",
                     absl::string_view(what.data(), what.size())));
  }
}

absl::Status Validate(const ServerConfig& config) {
  const auto refuse = [](absl::string_view name, absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(FlagOf(name), ": ", why));
  };
  if (config.data_dir.empty()) return refuse("data_dir", "is empty");
  if (config.stores > 64) return refuse("stores", "is more than 64");
  const std::string& grpc = config.grpc.address;
  if (!absl::StartsWith(grpc, "unix:") && !IsTcpAddress(grpc)) {
    return refuse("grpc.address", "is neither HOST:PORT nor unix:PATH");
  }
  if (config.admin_address != "none" && !IsTcpAddress(config.admin_address)) {
    return refuse("admin.address", "is neither HOST:PORT nor none");
  }
  const std::string& json = config.json.address;
  if (json != "none" && !IsTcpAddress(json)) {
    return refuse("json.address", "is neither HOST:PORT nor none");
  }
  if (json != "none" && config.json.access_keys.empty() && !IsLoopback(json)) {
    return refuse("json.address",
                  absl::StrCat(json,
                               " is not on loopback, and without an access key "
                               "everybody could use it: give --access-key "
                               "ID:SECRET, or PALLET_ACCESS_KEYS in the "
                               "environment, or [[access_key]] in the file"));
  }
  const ClusterConfig& cluster = config.cluster;
  if (!cluster.name.empty()) {
    if (cluster.etcd.empty()) return refuse("cluster.etcd", "is empty");
    if (!IsTcpAddress(cluster.peer_address)) {
      return refuse("cluster.peer_address", "is not HOST:PORT");
    }
    if (cluster.initial_nodes == 0 || cluster.initial_nodes > 7) {
      return refuse("cluster.initial_nodes", "is not from 1 to 7");
    }
  }
  if (config.stream.retention <= absl::ZeroDuration() ||
      config.stream.retention == absl::InfiniteDuration()) {
    return refuse("stream.retention", "is not a time to wait");
  }
  if (config.json.max_connections == 0) {
    return refuse("json.max_connections", "must be at least 1");
  }
  if (config.grpc.max_receive_bytes < (uint64_t{1} << 20) ||
      config.grpc.max_receive_bytes > (uint64_t{1} << 30)) {
    return refuse("grpc.max_receive_bytes", "is not from 1MiB to 1GiB");
  }
  if (config.pipeline.max_in_flight == 0 ||
      config.pipeline.frame_operations == 0) {
    return refuse("pipeline.max_in_flight", "must be at least 1");
  }
  const std::string& level = config.log.level;
  if (level != "debug" && level != "info" && level != "warning" &&
      level != "error") {
    return refuse("log.level", "is not debug, info, warning or error");
  }
  return absl::OkStatus();
}

}  // namespace pallet::service
