// SPDX-License-Identifier: Apache-2.0
//
// CHECK: our own bugs crash, in release too. Never for a user's mistake, the
// disk's or the network's: those are an absl::Status.
//
//   CHECK(count <= capacity) << count;
//   CHECK_EQ(read.size(), header.length);
#pragma once

#include <sstream>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/status/status.h"

namespace pallet::internal {

// Collects the message; the destructor prints it with file and line and aborts.
class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Makes both branches of CHECK's conditional expression void.
struct Voidify {
  void operator&(std::ostream&) const {}
};

}  // namespace pallet::internal

#define CHECK(condition)                                                   \
  ABSL_PREDICT_TRUE(condition)                                             \
  ? (void)0                                                                \
  : ::pallet::internal::Voidify() &                                        \
          ::pallet::internal::CheckFailure(__FILE__, __LINE__, #condition) \
              .stream()

#define CHECK_EQ(a, b) CHECK((a) == (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_NE(a, b) CHECK((a) != (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_LE(a, b) CHECK((a) <= (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_LT(a, b) CHECK((a) < (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_GE(a, b) CHECK((a) >= (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_GT(a, b) CHECK((a) > (b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_OK(expression)                                  \
  do {                                                        \
    const ::absl::Status pallet_check_status_ = (expression); \
    CHECK(pallet_check_status_.ok()) << pallet_check_status_; \
  } while (false)
