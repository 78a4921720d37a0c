// SPDX-License-Identifier: Apache-2.0
#include "service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/match.h"
#include "service/settings.h"

namespace pallet::service {
namespace {

using ::testing::HasSubstr;

ServerConfig Parsed(const std::vector<std::string>& arguments) {
  CommandLine line = ParseCommandLine(arguments);
  EXPECT_EQ(line.action, CommandLine::Action::kServe) << line.text;
  return line.config;
}

std::string Refusal(const std::vector<std::string>& arguments) {
  CommandLine line = ParseCommandLine(arguments);
  EXPECT_EQ(line.action, CommandLine::Action::kFail);
  return line.text;
}

std::string WriteFile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << text;
  return path;
}

TEST(ConfigTest, Example) {
  const std::string file = WriteFile("example.toml", R"(
    data_dir = "/var/lib/pallet"
    [grpc]
    address = "0.0.0.0:9001"
    max_connection_age = "30m"
    reflection = false
    [store]
    map_size = "64GiB"
  )");
  const ServerConfig config = Parsed(
      {"--config", file, "--grpc-address", "unix:/run/p.sock", "--stores=2"});
  EXPECT_EQ(config.data_dir, "/var/lib/pallet");
  EXPECT_EQ(config.grpc.address, "unix:/run/p.sock");  // the flag wins
  EXPECT_EQ(config.grpc.max_connection_age, absl::Minutes(30));
  EXPECT_FALSE(config.grpc.reflection);
  EXPECT_EQ(config.store.map_size, uint64_t{64} << 30);
  EXPECT_EQ(config.stores, 2u);
}

TEST(ConfigTest, DefaultsListenOnLoopbackOnly) {
  const ServerConfig config = Parsed({});
  EXPECT_EQ(config.grpc.address, "127.0.0.1:8001");
  EXPECT_EQ(config.admin_address, "127.0.0.1:8002");
  EXPECT_EQ(config.grpc.max_receive_bytes, uint64_t{17} << 20);
}

TEST(ConfigTest, UnknownFlagIsRefused) {
  EXPECT_THAT(Refusal({"--no-such-flag=1"}), HasSubstr("no-such-flag"));
  EXPECT_THAT(Refusal({"stray"}), HasSubstr("stray"));
}

TEST(ConfigTest, UnknownKeyIsRefusedWithFileAndLine) {
  const std::string file = WriteFile(
      "unknown.toml", "[grpc]\naddress = \"a:1\"\nadress = \"b:1\"\n");
  const std::string text = Refusal({"--config", file});
  EXPECT_THAT(text, HasSubstr("unknown.toml:3"));
  EXPECT_THAT(text, HasSubstr("grpc.adress"));
}

TEST(ConfigTest, BrokenFileIsRefusedWithLine) {
  ServerConfig config;
  EXPECT_THAT(std::string(ApplyToml("a = \n", "f.toml", &config).message()),
              HasSubstr("f.toml:1"));
  EXPECT_THAT(Refusal({"--config", "/nonexistent/p.toml"}),
              HasSubstr("/nonexistent/p.toml"));
}

TEST(ConfigTest, ValueOfTheWrongKindIsRefused) {
  ServerConfig config;
  for (const char* toml :
       {"stores = \"many\"", "stores = -1", "stores = 1.5", "stores = [1]",
        "[grpc]\nreflection = \"perhaps\"", "[grpc]\nmax_deadline = \"soon\"",
        "[grpc]\nmax_deadline = \"-1s\"", "[store]\nmap_size = \"1 parsec\"",
        "[store]\nmap_size = \"99999999999TiB\"", "[log]\nformat = \"xml\""}) {
    EXPECT_FALSE(ApplyToml(toml, "f", &config).ok()) << toml;
  }
}

TEST(ConfigTest, SettingsThatCannotWorkAreRefused) {
  EXPECT_THAT(Refusal({"--grpc-address", "nowhere"}),
              HasSubstr("--grpc-address"));
  EXPECT_THAT(Refusal({"--admin-address", "h:70000"}),
              HasSubstr("--admin-address"));
  EXPECT_THAT(Refusal({"--data-dir", ""}), HasSubstr("--data-dir"));
  EXPECT_THAT(Refusal({"--log-level", "loud"}), HasSubstr("--log-level"));
  EXPECT_EQ(Parsed({"--admin-address", "none"}).admin_address, "none");
}

TEST(ConfigTest, BytesHaveUnits) {
  EXPECT_EQ(ParseBytes("4096").value(), 4096u);
  EXPECT_EQ(ParseBytes("17 MiB").value(), uint64_t{17} << 20);
  EXPECT_EQ(ParseBytes("1GB").value(), 1000000000u);
  for (const char* text : {"", "MiB", "-1", "1 mib", "1.5GiB", "20000000TiB"}) {
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
  }
}

TEST(ConfigTest, HelpAndVersionArePrinted) {
  const CommandLine help = ParseCommandLine({"--help"});
  EXPECT_EQ(help.action, CommandLine::Action::kPrint);
  for (const Setting& setting : AllSettings()) {
    EXPECT_THAT(help.text, HasSubstr(FlagOf(setting.name)));
  }
  const CommandLine version = ParseCommandLine({"--version"});
  EXPECT_EQ(version.action, CommandLine::Action::kPrint);
  EXPECT_THAT(version.text, HasSubstr("palletd "));
}

// What --help prints as a default must mean the default.
TEST(ConfigTest, DefaultsInHelpAreTheDefaults) {
  for (const Setting& setting : AllSettings()) {
    ServerConfig config;
    EXPECT_TRUE(setting.set(setting.default_text, &config).ok())
        << setting.name << " " << setting.default_text;
    EXPECT_TRUE(Validate(config).ok()) << setting.name;
  }
}

}  // namespace
}  // namespace pallet::service
