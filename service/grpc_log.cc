// SPDX-License-Identifier: Apache-2.0
#include "service/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"

namespace pallet::service {
namespace {

// gRPC's hook takes no argument of ours.
std::atomic<Logger*> grpc_logger{nullptr};

LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

void WriteLine(gpr_log_func_args* line) {
  const std::string place = absl::StrCat(line->file, ":", line->line);
  const std::initializer_list<LogField> fields = {
      {"at", place}, {"message", absl::string_view(line->message)}};
  grpc_logger.load()->Log(LevelOf(line->severity), "grpc.message", fields);
}

}  // namespace

void SendGrpcLogTo(Logger* logger) {
  grpc_logger.store(logger);
  gpr_set_log_function(WriteLine);
}

}  // namespace pallet::service
