// SPDX-License-Identifier: Apache-2.0
//
// Starts index_writer (index_writer_main.cc) and waits for its end.
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gsi/step.h"
#include "gtest/gtest.h"

extern char** environ;

namespace pallet::testing {

struct IndexWriterArguments {
  std::string directory;
  uint64_t seed = 0;
  uint64_t new_index = 0;  // 0: none
  // Kills itself when it comes to this step that often. nullopt: never.
  std::optional<gsi::Step> step = {};
  uint64_t count = 0;
  std::vector<uint64_t> indexes = {};  // that the table has
};

inline pid_t StartIndexWriter(const IndexWriterArguments& given) {
  const int step = given.step.has_value() ? static_cast<int>(*given.step) : -1;
  std::vector<std::string> arguments = {
      PALLET_INDEX_WRITER,      given.directory,
      absl::StrCat(given.seed), absl::StrCat(given.new_index),
      absl::StrCat(step),       absl::StrCat(given.count)};
  for (const uint64_t index : given.indexes) {
    arguments.push_back(absl::StrCat(index));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = -1;
  EXPECT_EQ(
      posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  return child;
}

// Whether it was killed; else it ended by itself, with that code.
inline bool AwaitKill(pid_t child, int* code) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace pallet::testing
