// SPDX-License-Identifier: Apache-2.0
//
// Logger: structured lines for operators: an event and fields, never prose with
// values in it. No item values, no secrets.
//
//   logger->Info("store.opened", {{"store", 0}, {"frames", replayed}});
//
// As text (on a terminal):
//   2026-01-31T12:00:00.000Z INFO store.opened store=0 frames=12
// As JSON (everywhere else):
//   {"time":"...","level":"INFO","event":"store.opened","store":0,"frames":12}
//
// Thread-safe. Like Clock it is handed down through constructors; tests hand
// down one that keeps the lines.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace pallet {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// kAuto: text if it goes to a terminal, JSON if not.
enum class LogFormat { kAuto, kText, kJson };

// One key and its value; borrows both for the length of the call.
struct LogField {
  using Value = std::variant<bool, int64_t, uint64_t, double, absl::string_view,
                             std::string>;

  template <typename T>
  LogField(absl::string_view key, const T& value)
      : key(key), value(ToValue(value)) {}

  absl::string_view key;
  Value value;

 private:
  template <typename T>
  static Value ToValue(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return static_cast<int64_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<uint64_t>(value);
    } else if constexpr (std::is_same_v<T, absl::Status>) {
      return value.ToString();
    } else if constexpr (std::is_same_v<T, absl::Duration>) {
      return absl::FormatDuration(value);
    } else {
      return absl::string_view(value);
    }
  }
};

class Logger {
 public:
  using Fields = absl::Span<const LogField>;

  virtual ~Logger() = default;

  // What is below is dropped. kInfo unless set.
  void set_level(LogLevel level) { level_ = level; }
  LogLevel level() const { return level_; }

  void Debug(absl::string_view event, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kDebug, event, f);
  }
  void Info(absl::string_view event, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kInfo, event, f);
  }
  void Warning(absl::string_view event,
               std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kWarning, event, f);
  }
  void Error(absl::string_view event, std::initializer_list<LogField> f = {}) {
    Log(LogLevel::kError, event, f);
  }
  void Log(LogLevel level, absl::string_view event, Fields fields) {
    if (level >= level_) Write(level, event, fields);
  }

  static std::unique_ptr<Logger> OnStandardError(LogFormat format);

  // OnStandardError(LogFormat::kAuto). Lives as long as the process.
  static Logger* Real();

 private:
  virtual void Write(LogLevel level, absl::string_view event,
                     Fields fields) = 0;

  std::atomic<LogLevel> level_{LogLevel::kInfo};
};

// The two shapes of a line, without the newline.
std::string LogLineAsText(absl::Time time, LogLevel level,
                          absl::string_view event, Logger::Fields fields);
std::string LogLineAsJson(absl::Time time, LogLevel level,
                          absl::string_view event, Logger::Fields fields);

// "debug", "info", "warning" or "error"; kInvalidArgument for anything else.
absl::Status ParseLogLevel(absl::string_view text, LogLevel* level);

}  // namespace pallet
