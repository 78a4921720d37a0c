// SPDX-License-Identifier: Apache-2.0
//
// palletd: reads its settings, opens a node, waits for a signal, closes it.
// SIGTERM and SIGINT let running calls finish; a second one ends it at once,
// which costs nothing but the time to replay the log at the next start.
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "service/config.h"
#include "service/grpc_log.h"
#include "service/node.h"
#include "service/version.h"
#ifdef PALLET_CLUSTER
#include "service/cluster/cluster_node.h"
#endif

namespace {

using pallet::Logger;
using pallet::service::CommandLine;
using pallet::service::Node;
using pallet::service::ServerConfig;

// Told by whichever thread the signal came to: Go's have masks of their own, so
// none can be kept for the one that waits.
std::atomic<bool> stop_asked{false};
std::atomic<int> stop_signal{0};
sem_t stop_wakes;

// The first is told; the next one has its usual effect.
extern "C" void OnStopSignal(int signal) {
  const int saved = errno;
  stop_signal.store(signal);
  stop_asked.store(true);
  sem_post(&stop_wakes);
  errno = saved;
}

void CatchStopSignals() {
  sem_init(&stop_wakes, /*pshared=*/0, 0);
  struct sigaction action = {};
  action.sa_handler = OnStopSignal;
  // Go's threads have small stacks, and one more for signals.
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESTART | SA_RESETHAND);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int WaitForSignal() {
  while (!stop_asked.load()) sem_wait(&stop_wakes);
  return stop_signal.load();
}

template <typename AnyNode>
void Announce(const AnyNode& node, const ServerConfig& config) {
  std::printf("palletd %s\n  gRPC   %s\n", pallet::service::kVersion,
              node.grpc_address().c_str());
  if (!node.json_address().empty()) {
    std::printf("  JSON   http://%s%s\n", node.json_address().c_str(),
                config.json.access_keys.empty()
                    ? "  (open to everybody on this machine: no access key)"
                    : "");
  }
  if (!node.admin_address().empty()) {
    std::printf("  admin  http://%s/metrics\n", node.admin_address().c_str());
  }
  std::printf("  data   %s\n", config.data_dir.c_str());
  std::fflush(stdout);
}

// Opens, waits for a signal, closes. `open` gives a node, or says why not.
template <typename Open>
int Run(const ServerConfig& config, Logger* logger, Open open) {
  auto node = open();
  if (!node.ok() && stop_asked.load()) {
    logger->Info("node.stopped");
    return 0;
  }
  if (!node.ok()) {
    logger->Error("node.failed", {{"status", node.status()}});
    std::fprintf(stderr, "palletd: %s\n",
                 std::string(node.status().message()).c_str());
    return 1;
  }
  Announce(**node, config);
  const int received = WaitForSignal();
  logger->Info("node.stopping", {{"signal", received}});
  (*node)->Shutdown(config.drain_timeout);
  node->reset();
  logger->Info("node.stopped");
  return 0;
}

int ServeAlone(const ServerConfig& config, Logger* logger) {
  return Run(config, logger, [&] {
    pallet::service::NodeOptions options;
    options.config = config;
    options.logger = logger;
    return Node::Open(std::move(options));
  });
}

#ifdef PALLET_CLUSTER
// A signal ends the waiting for the cluster too.
int ServeInCluster(const ServerConfig& config, Logger* logger) {
  return Run(config, logger, [&] {
    pallet::service::ClusterNodeOptions options;
    options.config = config;
    options.logger = logger;
    return pallet::service::ClusterNode::Open(std::move(options), &stop_asked);
  });
}
#else
// Replication, and Go with it, is in a program of its own beside this one.
int ServeInCluster(char** argv) {
  std::error_code error;
  const std::filesystem::path self =
      std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string other = (self.parent_path() / "palletd-cluster").string();
  if (!error) execv(other.c_str(), argv);
  std::fprintf(stderr,
               "palletd: cannot run %s, which serves clusters: %s. It is built "
               "where Go and etcd's Raft library are found.\n",
               other.c_str(), std::strerror(errno));
  return 1;
}
#endif

Logger* Prepare(const ServerConfig& config) {
  CatchStopSignals();
  std::signal(SIGPIPE, SIG_IGN);

  // Debian's abseil checks the order of locks at each lock, gRPC's and ours,
  // for three times the price of the lock; tests keep the check.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  // Never deleted: gRPC's threads may log until the end of the process.
  Logger* const logger = Logger::OnStandardError(config.log.format).release();
  pallet::service::SendGrpcLogTo(logger);
  pallet::LogLevel level = pallet::LogLevel::kInfo;
  if (ParseLogLevel(config.log.level, &level).ok()) logger->set_level(level);
  return logger;
}

int Serve(const ServerConfig& config, char** argv) {
#ifdef PALLET_CLUSTER
  Logger* const logger = Prepare(config);
  if (config.cluster.name.empty()) return ServeAlone(config, logger);
  return ServeInCluster(config, logger);
#else
  if (!config.cluster.name.empty()) return ServeInCluster(argv);
  return ServeAlone(config, Prepare(config));
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const char* const keys = std::getenv("PALLET_ACCESS_KEYS");
  const CommandLine line = pallet::service::ParseCommandLine(
      std::vector<std::string>(argv + 1, argv + argc),
      keys == nullptr ? "" : keys);
  switch (line.action) {
    case CommandLine::Action::kServe:
      return Serve(line.config, argv);
    case CommandLine::Action::kPrint:
      std::fputs(line.text.c_str(), stdout);
      return 0;
    case CommandLine::Action::kFail:
      std::fputs(line.text.c_str(), stderr);
      return 2;
  }
}
