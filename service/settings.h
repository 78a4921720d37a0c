// SPDX-License-Identifier: Apache-2.0
//
// The table of settings: one row per name, with its meaning, default and how
// text becomes its value. Flags, the config file and --help all read it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "service/config.h"

namespace pallet::service {

struct Setting {
  std::string name;   // "grpc.max_connection_age"
  std::string group;  // heading in --help
  std::string value;  // what the value looks like: "DURATION"
  std::string help;
  std::string default_text;
  std::function<absl::Status(absl::string_view text, ServerConfig*)> set;
};

// In the order of --help.
const std::vector<Setting>& AllSettings();

// "grpc.max_connection_age" -> "--grpc-max-connection-age".
std::string FlagOf(absl::string_view setting_name);

}  // namespace pallet::service
