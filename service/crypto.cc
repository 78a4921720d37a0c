// SPDX-License-Identifier: Apache-2.0
#include "service/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace pallet::service {
namespace {

constexpr size_t kDigest = 32;
constexpr size_t kBlock = 64;

// Looking an algorithm up costs more than using it on a small text.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm =
      EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

// Sha256 of two texts, one behind the other.
std::string Digest(absl::string_view a, absl::string_view b) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(
      EVP_MD_CTX_new());
  std::string digest(kDigest, '\0');
  unsigned size = 0;
  CHECK_EQ(EVP_DigestInit_ex(context.get(), Algorithm(), nullptr), 1);
  CHECK_EQ(EVP_DigestUpdate(context.get(), a.data(), a.size()), 1);
  CHECK_EQ(EVP_DigestUpdate(context.get(), b.data(), b.size()), 1);
  CHECK_EQ(EVP_DigestFinal_ex(context.get(),
                              reinterpret_cast<unsigned char*>(digest.data()),
                              &size),
           1);
  CHECK_EQ(size, kDigest);
  return digest;
}

}  // namespace

std::string Sha256(absl::string_view bytes) { return Digest(bytes, {}); }

std::string HmacSha256(absl::string_view key, absl::string_view bytes) {
  std::string block = key.size() > kBlock ? Sha256(key) : std::string(key);
  block.resize(kBlock, '\0');
  std::string inner = block, outer = block;
  for (char& c : inner) c ^= 0x36;
  for (char& c : outer) c ^= 0x5C;
  return Digest(outer, Digest(inner, bytes));
}

std::string Hex(absl::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace pallet::service
