// SPDX-License-Identifier: Apache-2.0
#include "service/expiry/expiry_rows.h"

#include "gtest/gtest.h"

namespace pallet::service {
namespace {

TEST(ExpiryRowsTest, PassesAreReadBack) {
  for (const ExpiryPass& pass :
       {ExpiryPass{}, ExpiryPass{true, ""}, ExpiryPass{false, "row"}}) {
    const auto read = DecodeExpiryPass(EncodeExpiryPass(pass));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->done, pass.done);
    EXPECT_EQ(read->next_row_key, pass.next_row_key);
  }
  for (const std::string bytes : {"", "\x01", "\x02\x01", "\x01\x02"}) {
    EXPECT_FALSE(DecodeExpiryPass(bytes).ok());
  }
}

}  // namespace
}  // namespace pallet::service
