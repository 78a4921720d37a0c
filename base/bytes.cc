// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

namespace pallet {

bool ConsumeVarint(absl::string_view* in, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < in->size() && i < kMaxVarintBytes; ++i) {
    const auto byte = static_cast<uint8_t>((*in)[i]);
    // The tenth byte holds the one bit that is left.
    if (i == kMaxVarintBytes - 1 && byte > 1) return false;
    result |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;  // longer than it needs
      *value = result;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool ConsumeBytes(absl::string_view* in, absl::string_view* bytes) {
  absl::string_view rest = *in;
  uint64_t size;
  if (!ConsumeVarint(&rest, &size) || size > rest.size()) return false;
  *bytes = rest.substr(0, size);
  *in = rest.substr(size);
  return true;
}

}  // namespace pallet
