// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/mini_cluster.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "service/config.h"
#include "service/node.h"

namespace pallet::testing {
namespace {

std::vector<std::string> AllFlags(const MiniClusterOptions& options) {
  std::vector<std::string> flags = {
      absl::StrCat("--data-dir=", options.data_dir),
      "--admin-address=127.0.0.1:0",
      "--log-level=warning",
  };
  for (const absl::string_view address : {"--grpc-address", "--json-address"}) {
    // What a test says itself is not said twice.
    const bool has_it = std::any_of(options.flags.begin(), options.flags.end(),
                                    [&](absl::string_view flag) {
                                      return absl::StartsWith(flag, address);
                                    });
    if (!has_it) flags.push_back(absl::StrCat(address, "=127.0.0.1:0"));
  }
  flags.insert(flags.end(), options.flags.begin(), options.flags.end());
  return flags;
}

class InProcessCluster final : public MiniCluster {
 public:
  explicit InProcessCluster(MiniClusterOptions options)
      : options_(std::move(options)) {}

  absl::Status Stop() override {
    node_->Shutdown(absl::Seconds(30));
    node_.reset();
    return absl::OkStatus();
  }

  void Kill() override { CHECK(false) << "a node in this process"; }

  absl::Status Restart() override {
    service::CommandLine line = service::ParseCommandLine(AllFlags(options_));
    if (line.action != service::CommandLine::Action::kServe) {
      return absl::InvalidArgumentError(line.text);
    }
    logger_ = Logger::OnStandardError(LogFormat::kText);
    logger_->set_level(LogLevel::kWarning);
    service::NodeOptions node;
    node.config = line.config;
    node.logger = logger_.get();
    ASSIGN_OR_RETURN(node_, service::Node::Open(std::move(node)));
    return absl::OkStatus();
  }

  std::string grpc_address() const override { return node_->grpc_address(); }
  std::string json_address() const override { return node_->json_address(); }
  std::string admin_address() const override { return node_->admin_address(); }

 private:
  const MiniClusterOptions options_;
  std::unique_ptr<Logger> logger_;
  std::unique_ptr<service::Node> node_;
};

// A palletd of its own, whose first lines say where it listens.
class ProcessCluster final : public MiniCluster {
 public:
  explicit ProcessCluster(MiniClusterOptions options)
      : options_(std::move(options)) {}
  ~ProcessCluster() override {
    if (pid_ != 0) Kill();
  }

  absl::Status Stop() override {
    CHECK_EQ(kill(pid_, SIGTERM), 0);
    const int status = Reap();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("palletd ended with wait status ", status));
  }

  void Kill() override {
    CHECK_EQ(kill(pid_, SIGKILL), 0);
    Reap();
  }

  absl::Status Restart() override {
    int out[2];
    CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
    RETURN_IF_ERROR(Spawn(out[1]));
    close(out[1]);
    const absl::Status status = ReadAddresses(out[0]);
    close(out[0]);
    if (!status.ok()) Reap();
    return status;
  }

  std::string grpc_address() const override { return grpc_address_; }
  std::string json_address() const override { return json_address_; }
  std::string admin_address() const override { return admin_address_; }

 private:
  absl::Status Spawn(int standard_output) {
    std::vector<std::string> words = AllFlags(options_);
    words.insert(words.begin(), PALLETD_PATH);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, standard_output, STDOUT_FILENO);
    const int error = posix_spawn(&pid_, PALLETD_PATH, &actions, nullptr,
                                  arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == 0) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("cannot run " PALLETD_PATH ": ", std::strerror(error)));
  }

  // Up to the line that comes last.
  absl::Status ReadAddresses(int standard_output) {
    std::string text;
    char buffer[512];
    while (!absl::StrContains(text, "  data ")) {
      const ssize_t size = read(standard_output, buffer, sizeof(buffer));
      if (size <= 0) {
        return absl::UnavailableError(
            absl::StrCat("palletd did not start: ", text));
      }
      text.append(buffer, static_cast<size_t>(size));
    }
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      if (absl::ConsumePrefix(&line, "  gRPC   ")) {
        grpc_address_ = std::string(line);
      } else if (absl::ConsumePrefix(&line, "  JSON   http://")) {
        json_address_ = std::string(line.substr(0, line.find(' ')));
      } else if (absl::ConsumePrefix(&line, "  admin  http://")) {
        admin_address_ = std::string(absl::StripSuffix(line, "/metrics"));
      }
    }
    return absl::OkStatus();
  }

  int Reap() {
    int status = 0;
    CHECK_EQ(waitpid(std::exchange(pid_, 0), &status, 0) > 0, true);
    return status;
  }

  const MiniClusterOptions options_;
  pid_t pid_ = 0;
  std::string grpc_address_;
  std::string json_address_;
  std::string admin_address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MiniCluster>> MiniCluster::Start(
    MiniClusterOptions options) {
  std::unique_ptr<MiniCluster> cluster;
  if (options.kind == NodeKind::kInProcess) {
    cluster = std::make_unique<InProcessCluster>(std::move(options));
  } else {
    cluster = std::make_unique<ProcessCluster>(std::move(options));
  }
  RETURN_IF_ERROR(cluster->Restart());
  return cluster;
}

std::shared_ptr<grpc::Channel> MiniCluster::Channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      grpc_address(), grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace pallet::testing
