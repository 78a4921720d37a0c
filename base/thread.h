// SPDX-License-Identifier: Apache-2.0
//
// Thread: an operating system thread with a name (the first 15 bytes show in
// top and gdb). It is joined at the latest when the object dies, so whoever
// owns one must make its body end first.
#pragma once

#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace pallet {

class Thread {
 public:
  Thread() = default;  // no thread
  Thread(const std::string& name, absl::AnyInvocable<void()> body);
  Thread(Thread&&) = default;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  // Waits for the body to return. Nothing to do for one joined before.
  void Join();

  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

}  // namespace pallet
