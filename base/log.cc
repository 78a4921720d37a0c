// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"

namespace pallet {
namespace {

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
  }
  return "UNKNOWN";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

void AppendQuoted(std::string* out, absl::string_view text) {
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (byte < 0x20 || byte >= 0x7F) {
      // Also what may be no UTF-8: keys and paths can be any bytes.
      absl::StrAppendFormat(out, "\\u%04x", byte);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

bool NeedsQuotes(absl::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (!absl::ascii_isgraph(c) || c == '"' || c == '\\' || c == '=') {
      return true;
    }
  }
  return false;
}

void AppendText(std::string* out, absl::string_view text, bool json) {
  if (json || NeedsQuotes(text)) {
    AppendQuoted(out, text);
  } else {
    absl::StrAppend(out, text);
  }
}

struct ValueAppender {
  void operator()(bool value) {
    absl::StrAppend(out, value ? "true" : "false");
  }
  void operator()(int64_t value) { absl::StrAppend(out, value); }
  void operator()(uint64_t value) { absl::StrAppend(out, value); }
  void operator()(double value) {
    // JSON has no word for infinity or not-a-number.
    const std::string text = absl::StrCat(value);
    if (json && !std::isfinite(value)) {
      AppendQuoted(out, text);
    } else {
      absl::StrAppend(out, text);
    }
  }
  void operator()(absl::string_view value) { AppendText(out, value, json); }
  void operator()(const std::string& value) { AppendText(out, value, json); }

  std::string* out;
  bool json;
};

class SpdlogLogger final : public Logger {
 public:
  explicit SpdlogLogger(LogFormat format)
      : json_(format == LogFormat::kAuto ? !isatty(STDERR_FILENO)
                                         : format == LogFormat::kJson),
        logger_("pallet", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(spdlog::level::trace);
    logger_.set_pattern("%v");
    logger_.flush_on(spdlog::level::trace);
  }

 private:
  void Write(LogLevel level, absl::string_view event, Fields fields) override {
    const absl::Time now = Clock::Real()->Now();
    const std::string line = json_ ? LogLineAsJson(now, level, event, fields)
                                   : LogLineAsText(now, level, event, fields);
    logger_.log(spdlog::level::info, spdlog::string_view_t(line));
  }

  const bool json_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Logger> Logger::OnStandardError(LogFormat format) {
  return std::make_unique<SpdlogLogger>(format);
}

Logger* Logger::Real() {
  // Outlives static destructors.
  static auto* const logger = new SpdlogLogger(LogFormat::kAuto);
  return logger;
}

std::string LogLineAsText(absl::Time time, LogLevel level,
                          absl::string_view event, Logger::Fields fields) {
  std::string line =
      absl::StrCat(TimeText(time), " ", LevelName(level), " ", event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=");
    std::visit(ValueAppender{&line, /*json=*/false}, field.value);
  }
  return line;
}

std::string LogLineAsJson(absl::Time time, LogLevel level,
                          absl::string_view event, Logger::Fields fields) {
  std::string line =
      absl::StrCat("{\"time\":\"", TimeText(time), "\",\"level\":\"",
                   LevelName(level), "\",\"event\":");
  AppendQuoted(&line, event);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendQuoted(&line, field.key);
    line.push_back(':');
    std::visit(ValueAppender{&line, /*json=*/true}, field.value);
  }
  line.push_back('}');
  return line;
}

absl::Status ParseLogLevel(absl::string_view text, LogLevel* level) {
  for (const LogLevel candidate : {LogLevel::kDebug, LogLevel::kInfo,
                                   LogLevel::kWarning, LogLevel::kError}) {
    if (text == absl::AsciiStrToLower(LevelName(candidate))) {
      *level = candidate;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "log level is \"", text, "\", not debug, info, warning or error"));
}

}  // namespace pallet
