// SPDX-License-Identifier: Apache-2.0
#include "storage/long_key.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "storage/checked_value.h"
#include "storage/link_row.h"
#include "storage/row.h"

namespace pallet::storage {
namespace {

// Where one piece of a key is: a physical key and the database it is in.
struct Place {
  lmdb::Database database;
  DatabaseId id;
  std::string key;
  bool is_link() const { return key.size() == kLinkKeyBytes; }
};

// The place of the first piece of `row_key`; takes the piece off its front.
Place FirstPlace(const RowDatabases& databases, absl::string_view* row_key) {
  const absl::string_view piece = row_key->substr(0, kLinkKeyBytes);
  row_key->remove_prefix(piece.size());
  return {databases.items, DatabaseId::kItems, std::string(piece)};
}

// The place of the next piece, behind link `link`.
Place NextPlace(const RowDatabases& databases, absl::string_view row_prefix,
                uint64_t link, absl::string_view* rest) {
  std::string key = LinkPrefix(row_prefix, link);
  const absl::string_view piece = rest->substr(0, kLinkKeyBytes - key.size());
  rest->remove_prefix(piece.size());
  key.append(piece.data(), piece.size());
  return {databases.long_keys, DatabaseId::kLongKeys, std::move(key)};
}

absl::StatusOr<std::optional<uint64_t>> FindLink(
    const lmdb::Transaction& transaction, const Place& place) {
  ASSIGN_OR_RETURN(
      const std::optional<absl::string_view> value,
      GetChecked(transaction, place.database, place.id, place.key));
  if (!value.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const uint64_t link,
                   DecodeLink(place.id, place.key, *value));
  return link;
}

absl::StatusOr<uint64_t> TakeLinkId(lmdb::WriteTransaction& transaction,
                                    const RowDatabases& databases) {
  ASSIGN_OR_RETURN(
      const std::optional<absl::string_view> stored,
      GetChecked(transaction, databases.meta, DatabaseId::kMeta, kNextLink));
  if (stored.has_value() && stored->size() != sizeof(uint64_t)) {
    return DamagedRow(DatabaseId::kMeta, kNextLink, "no link id");
  }
  const uint64_t link = stored.has_value() ? LoadU64(stored->data()) : 1;
  std::string next;
  AppendU64(&next, link + 1);
  RETURN_IF_ERROR(PutChecked(transaction, databases.meta, kNextLink, next));
  return link;
}

absl::StatusOr<uint64_t> FindOrMakeLink(lmdb::WriteTransaction& transaction,
                                        const RowDatabases& databases,
                                        const Place& place) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> found,
                   FindLink(transaction, place));
  if (found.has_value()) return *found;
  ASSIGN_OR_RETURN(const uint64_t link, TakeLinkId(transaction, databases));
  RETURN_IF_ERROR(
      PutChecked(transaction, place.database, place.key, EncodeLink(link)));
  return link;
}

absl::StatusOr<bool> LinkIsEmpty(const lmdb::Transaction& transaction,
                                 const RowDatabases& databases,
                                 absl::string_view link_prefix) {
  ASSIGN_OR_RETURN(lmdb::Cursor cursor,
                   transaction.OpenCursor(databases.long_keys));
  RETURN_IF_ERROR(cursor.SeekAtOrAfter(link_prefix));
  return !cursor.valid() ||
         cursor.key().substr(0, kLinkPrefixBytes) != link_prefix;
}

void CheckRowKey(absl::string_view row_key) {
  CHECK(!row_key.empty() && row_key.size() <= kMaxRowKeyBytes)
      << row_key.size();
}

// What one walk over a physical database collects for VerifyRows.
struct Links {
  absl::flat_hash_set<std::string> made;  // prefixes that link rows lead to
  absl::flat_hash_set<std::string> used;  // prefixes that long keys begin with
};

absl::Status VerifyPhysicalRow(DatabaseId id, absl::string_view key,
                               absl::string_view stored, Links* links) {
  ASSIGN_OR_RETURN(const absl::string_view value, CheckValue(id, key, stored));
  if (id == DatabaseId::kLongKeys) {
    if (key.size() < kLinkPrefixBytes) {
      return DamagedRow(id, key, "too short for a link id");
    }
    links->used.emplace(key.substr(0, kLinkPrefixBytes));
  }
  if (key.size() < kLinkKeyBytes) return DecodeRow(value).status();
  ASSIGN_OR_RETURN(const uint64_t link, DecodeLink(id, key, value));
  if (!links->made.insert(LinkPrefix(key, link)).second) {
    return DamagedRow(id, key, "two links have one id");
  }
  return absl::OkStatus();
}

absl::Status VerifyPhysical(const lmdb::Transaction& transaction,
                            lmdb::Database database, DatabaseId id,
                            Links* links) {
  ASSIGN_OR_RETURN(lmdb::Cursor cursor, transaction.OpenCursor(database));
  std::string last;
  RETURN_IF_ERROR(cursor.First());
  while (cursor.valid()) {
    if (cursor.key() <= last) {
      return DamagedRow(id, cursor.key(), "keys are out of order");
    }
    last = std::string(cursor.key());
    RETURN_IF_ERROR(VerifyPhysicalRow(id, cursor.key(), cursor.value(), links));
    RETURN_IF_ERROR(cursor.Next());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<absl::string_view>> FindRow(
    const lmdb::Transaction& transaction, const RowDatabases& databases,
    absl::string_view row_key) {
  CheckRowKey(row_key);
  if (ABSL_PREDICT_TRUE(row_key.size() < kLinkKeyBytes)) {
    return GetChecked(transaction, databases.items, DatabaseId::kItems,
                      row_key);
  }
  absl::string_view rest = row_key;
  Place place = FirstPlace(databases, &rest);
  while (place.is_link()) {
    ASSIGN_OR_RETURN(const std::optional<uint64_t> link,
                     FindLink(transaction, place));
    if (!link.has_value()) return std::nullopt;
    place = NextPlace(databases, row_key, *link, &rest);
  }
  return GetChecked(transaction, place.database, place.id, place.key);
}

absl::Status PutRow(lmdb::WriteTransaction& transaction,
                    const RowDatabases& databases, absl::string_view row_key,
                    absl::string_view row) {
  CheckRowKey(row_key);
  if (ABSL_PREDICT_TRUE(row_key.size() < kLinkKeyBytes)) {
    return PutChecked(transaction, databases.items, row_key, row);
  }
  absl::string_view rest = row_key;
  Place place = FirstPlace(databases, &rest);
  while (place.is_link()) {
    ASSIGN_OR_RETURN(const uint64_t link,
                     FindOrMakeLink(transaction, databases, place));
    place = NextPlace(databases, row_key, link, &rest);
  }
  return PutChecked(transaction, place.database, place.key, row);
}

absl::Status DeleteRow(lmdb::WriteTransaction& transaction,
                       const RowDatabases& databases,
                       absl::string_view row_key) {
  CheckRowKey(row_key);
  absl::string_view rest = row_key;
  std::vector<Place> links;  // from the outermost in
  Place place = FirstPlace(databases, &rest);
  while (place.is_link()) {
    ASSIGN_OR_RETURN(const std::optional<uint64_t> link,
                     FindLink(transaction, place));
    if (!link.has_value()) return absl::OkStatus();
    links.push_back(std::move(place));
    place = NextPlace(databases, row_key, *link, &rest);
  }
  ASSIGN_OR_RETURN(const bool existed,
                   transaction.Delete(place.database, place.key));
  if (!existed) return absl::OkStatus();
  for (; !links.empty(); links.pop_back()) {
    ASSIGN_OR_RETURN(
        const bool empty,
        LinkIsEmpty(transaction, databases,
                    absl::string_view(place.key).substr(0, kLinkPrefixBytes)));
    if (!empty) break;
    place = std::move(links.back());
    RETURN_IF_ERROR(transaction.Delete(place.database, place.key).status());
  }
  return absl::OkStatus();
}

absl::Status VerifyRows(const lmdb::Transaction& transaction,
                        const RowDatabases& databases) {
  Links links;
  RETURN_IF_ERROR(
      VerifyPhysical(transaction, databases.items, DatabaseId::kItems, &links));
  RETURN_IF_ERROR(VerifyPhysical(transaction, databases.long_keys,
                                 DatabaseId::kLongKeys, &links));
  for (const std::string& prefix : links.used) {
    if (!links.made.contains(prefix)) {
      return DamagedRow(DatabaseId::kLongKeys, prefix, "no link leads here");
    }
  }
  for (const std::string& prefix : links.made) {
    if (!links.used.contains(prefix)) {
      return DamagedRow(DatabaseId::kItems, prefix, "a link leads nowhere");
    }
  }
  return absl::OkStatus();
}

}  // namespace pallet::storage
