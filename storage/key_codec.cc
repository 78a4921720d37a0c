// SPDX-License-Identifier: Apache-2.0
#include "storage/key_codec.h"

#include <openssl/sha.h>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/errors.h"
#include "model/number.h"
#include "xxhash.h"

namespace pallet::storage {
namespace {

constexpr char kStringTag = 0x01;
constexpr char kNumberTag = 0x02;
constexpr char kBinaryTag = 0x03;
constexpr char kHashedTag = 0x7F;
constexpr char kEscapedZero = '\xFF';
constexpr size_t kMaxPlainPartitionBytes = 64;

absl::Status Malformed(absl::string_view what) {
  return model::MakeError(model::Reason::kDataLoss,
                          absl::StrCat("a stored key ", what));
}

void AppendEscaped(absl::string_view bytes, std::string* out) {
  while (true) {
    const size_t zero = bytes.find('\0');
    if (zero == absl::string_view::npos) break;
    out->append(bytes.data(), zero + 1);
    out->push_back(kEscapedZero);
    bytes.remove_prefix(zero + 1);
  }
  out->append(bytes.data(), bytes.size());
  out->append(2, '\0');
}

absl::StatusOr<std::string> ConsumeEscaped(absl::string_view* in) {
  std::string bytes;
  while (true) {
    const size_t zero = in->find('\0');
    if (zero == absl::string_view::npos || zero + 1 == in->size()) {
      return Malformed("has no end");
    }
    bytes.append(in->data(), zero);
    const char next = (*in)[zero + 1];
    in->remove_prefix(zero + 2);
    if (next == '\0') return bytes;
    if (next != kEscapedZero) return Malformed("has a wrong escape");
    bytes.push_back('\0');
  }
}

// partition := value | 0x7F sha256(value)
void AppendPartition(absl::string_view encoded, std::string* out) {
  if (encoded.size() <= kMaxPlainPartitionBytes) {
    out->append(encoded.data(), encoded.size());
    return;
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(),
         digest);
  out->push_back(kHashedTag);
  out->append(reinterpret_cast<const char*>(digest), sizeof(digest));
}

uint64_t HashOfEncoded(absl::string_view encoded, uint64_t seed) {
  return XXH3_64bits_withSeed(encoded.data(), encoded.size(), seed);
}

}  // namespace

std::string EncodeKeyValue(const model::KeyValue& value) {
  std::string out;
  out.reserve(value.bytes.size() + 3);
  switch (value.type) {
    case model::ScalarType::kString:
      out.push_back(kStringTag);
      AppendEscaped(value.bytes, &out);
      break;
    case model::ScalarType::kNumber:
      out.push_back(kNumberTag);
      model::Number::FromNormal(value.bytes).AppendOrdered(&out);
      break;
    case model::ScalarType::kBinary:
      out.push_back(kBinaryTag);
      AppendEscaped(value.bytes, &out);
      break;
  }
  return out;
}

absl::StatusOr<model::KeyValue> DecodeKeyValue(absl::string_view* bytes) {
  if (bytes->empty()) return Malformed("is empty");
  const char tag = bytes->front();
  absl::string_view rest = bytes->substr(1);
  model::KeyValue value;
  if (tag == kNumberTag) {
    ASSIGN_OR_RETURN(const model::Number number,
                     model::Number::DecodeOrdered(&rest));
    value = {model::ScalarType::kNumber, number.ToString()};
  } else if (tag == kStringTag || tag == kBinaryTag) {
    value.type = tag == kStringTag ? model::ScalarType::kString
                                   : model::ScalarType::kBinary;
    ASSIGN_OR_RETURN(value.bytes, ConsumeEscaped(&rest));
  } else {
    return Malformed("has an unknown type");
  }
  *bytes = rest;
  return value;
}

uint64_t PlacementHash(const model::KeyValue& partition, uint64_t seed) {
  return HashOfEncoded(EncodeKeyValue(partition), seed);
}

std::string CollectionPrefix(KeyspaceId keyspace,
                             const model::KeyValue& partition, uint64_t seed) {
  return CollectionPrefix(keyspace, absl::MakeConstSpan(&partition, 1), seed);
}

std::string CollectionPrefix(KeyspaceId keyspace,
                             absl::Span<const model::KeyValue> partition,
                             uint64_t seed) {
  std::string encoded;
  for (const model::KeyValue& value : partition) {
    encoded += EncodeKeyValue(value);
  }
  std::string out;
  out.reserve(kRowKeyPrefixBytes + kMaxPlainPartitionBytes);
  AppendU32(&out, keyspace.value());
  AppendU64(&out, HashOfEncoded(encoded, seed));
  AppendPartition(encoded, &out);
  return out;
}

std::string RowKey(KeyspaceId keyspace, const model::Key& key, uint64_t seed) {
  std::string out = CollectionPrefix(keyspace, key.partition, seed);
  if (key.sort.has_value()) out += EncodeKeyValue(*key.sort);
  return out;
}

std::string IndexRowKey(KeyspaceId index, absl::string_view row_key,
                        const model::KeyValue& sort,
                        const model::KeyValue& index_sort) {
  const size_t sort_at = row_key.size() - EncodeKeyValue(sort).size();
  CHECK(sort_at > kRowKeyPrefixBytes && sort_at < row_key.size());
  std::string out;
  AppendU32(&out, index.value());
  absl::StrAppend(&out, row_key.substr(4, sort_at - 4),
                  EncodeKeyValue(index_sort), row_key.substr(sort_at));
  return out;
}

std::string RowKeyOfEntry(KeyspaceId table, absl::string_view entry_key,
                          const model::KeyValue& sort,
                          const model::KeyValue& index_sort) {
  const size_t sort_at = entry_key.size() - EncodeKeyValue(sort).size();
  const size_t index_sort_at = sort_at - EncodeKeyValue(index_sort).size();
  CHECK(index_sort_at > kRowKeyPrefixBytes && sort_at < entry_key.size());
  std::string out;
  AppendU32(&out, table.value());
  absl::StrAppend(&out, entry_key.substr(4, index_sort_at - 4),
                  entry_key.substr(sort_at));
  return out;
}

absl::string_view CollectionPrefixOf(absl::string_view row_key) {
  absl::string_view rest = ItemPart(row_key);
  CHECK(!rest.empty());
  if (rest.front() == kHashedTag) {
    CHECK_GT(rest.size(), size_t{SHA256_DIGEST_LENGTH});
    rest.remove_prefix(1 + SHA256_DIGEST_LENGTH);
  } else {
    CHECK(DecodeKeyValue(&rest).ok());
  }
  return row_key.substr(0, row_key.size() - rest.size());
}

absl::string_view ItemPart(absl::string_view row_key) {
  CHECK_GE(row_key.size(), kRowKeyPrefixBytes);
  return row_key.substr(kRowKeyPrefixBytes);
}

std::string GlobalEntryKey(KeyspaceId index, const model::IndexKey& key,
                           absl::string_view row_key, uint64_t seed) {
  std::string out = CollectionPrefix(index, key.partition, seed);
  for (const model::KeyValue& value : key.sort) out += EncodeKeyValue(value);
  absl::StrAppend(&out, ItemPart(row_key));
  return out;
}

std::string HashPrefix(KeyspaceId keyspace, uint64_t hash) {
  std::string out;
  AppendU32(&out, keyspace.value());
  AppendU64(&out, hash);
  return out;
}

uint64_t HashOfRowKey(absl::string_view row_key) {
  CHECK_GE(row_key.size(), kRowKeyPrefixBytes);
  return LoadU64(row_key.data() + sizeof(uint32_t));
}

KeyspaceId KeyspaceOfRowKey(absl::string_view row_key) {
  CHECK_GE(row_key.size(), kRowKeyPrefixBytes);
  return KeyspaceId(LoadU32(row_key.data()));
}

std::string PrefixEnd(absl::string_view prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.remove_suffix(1);
  std::string end(prefix);
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace pallet::storage
