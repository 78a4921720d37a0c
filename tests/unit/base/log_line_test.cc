// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/log.h"

namespace pallet {
namespace {

const absl::Time kNoon = absl::FromUnixMillis(1769860800123);

class KeepingLogger final : public Logger {
 public:
  std::vector<std::string> lines;

 private:
  void Write(LogLevel level, absl::string_view event, Fields fields) override {
    lines.push_back(LogLineAsText(kNoon, level, event, fields));
  }
};

TEST(LogLineTest, Example) {
  KeepingLogger logger;
  logger.Info("store.opened", {{"store", 0}, {"frames", uint64_t{12}}});
  logger.Debug("not.shown");
  logger.set_level(LogLevel::kDebug);
  logger.Debug("shown");
  ASSERT_EQ(logger.lines.size(), 2u);
  EXPECT_EQ(logger.lines[0],
            "2026-01-31T12:00:00.123Z INFO store.opened store=0 frames=12");
  EXPECT_EQ(logger.lines[1], "2026-01-31T12:00:00.123Z DEBUG shown");
}

TEST(LogLineTest, TextQuotesWhatCouldBeMisread) {
  EXPECT_EQ(LogLineAsText(kNoon, LogLevel::kError, "e",
                          {{"plain", "a/b"},
                           {"spaced", "a b"},
                           {"quoted", "a\"b\n"},
                           {"empty", ""},
                           {"flag", true},
                           {"ratio", 0.5},
                           {"wait", absl::Milliseconds(1500)},
                           {"status", absl::NotFoundError("x")}}),
            "2026-01-31T12:00:00.123Z ERROR e plain=a/b spaced=\"a b\" "
            "quoted=\"a\\\"b\\n\" empty=\"\" flag=true ratio=0.5 wait=1.5s "
            "status=\"NOT_FOUND: x\"");
}

TEST(LogLineTest, JsonIsValidWhateverTheBytes) {
  EXPECT_EQ(LogLineAsJson(kNoon, LogLevel::kWarning, "e",
                          {{"n", -1},
                           {"bytes", absl::string_view("\x01\xFF\"", 3)},
                           {"nan", std::nan("")}}),
            "{\"time\":\"2026-01-31T12:00:00.123Z\",\"level\":\"WARNING\","
            "\"event\":\"e\",\"n\":-1,\"bytes\":\"\\u0001\\u00ff\\\"\","
            "\"nan\":\"nan\"}");
}

TEST(LogLineTest, LevelsAreParsedByTheirNames) {
  LogLevel level;
  ASSERT_TRUE(ParseLogLevel("warning", &level).ok());
  EXPECT_EQ(level, LogLevel::kWarning);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLogLevel("loud", &level)));
}

}  // namespace
}  // namespace pallet
