// SPDX-License-Identifier: Apache-2.0
//
// Memtable: durable rows that the image does not have yet, in key order, in
// versions. A skip list (Pugh 1990) as LevelDB keeps it, and beside it a hash
// index for who knows the key: one thread adds, any number read meanwhile
// without a lock.
//
//   memtable.Add(batch_number, row_key, row);        // one thread
//   memtable.Find(row_key, up_to);                    // any thread
//
// Each version carries the number of the batch that made it. Who reads "up to"
// a number sees, of each key, the newest version that is not younger: whole
// batches or nothing of them.
//
// Nothing is ever taken out; the whole table goes when nobody holds it. Views
// live as long as the table.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "storage/byte_arena.h"

namespace pallet::storage {

class Memtable {
 public:
  struct Node;

  Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // Copies both. An empty row says that there is none any more. REQUIRES:
  // `number` is not lower than any before.
  void Add(uint64_t number, absl::string_view row_key, absl::string_view row);

  // What the key's version says: the row, or an empty view if it was deleted.
  // Nothing if the table knows nothing of it up to that number.
  std::optional<absl::string_view> Find(absl::string_view row_key,
                                        uint64_t up_to) const;

  // Walks the keys that have a version up to a number, deleted ones included.
  class Cursor {
   public:
    Cursor(const Memtable* table, uint64_t up_to)
        : table_(table), up_to_(up_to) {}

    void SeekFirst() { SeekAtOrAfter({}); }
    void SeekAtOrAfter(absl::string_view key);
    // To the last key before it.
    void SeekBefore(absl::string_view key);
    void SeekLast();
    // REQUIRES: valid().
    void Next();
    void Previous() { SeekBefore(key()); }

    bool valid() const { return at_ != nullptr; }
    absl::string_view key() const;
    absl::string_view row() const;  // empty: deleted

   private:
    void Forward(const Node* node);
    void Backward(const Node* node);

    const Memtable* table_;
    uint64_t up_to_;
    const Node* at_ = nullptr;
  };

  uint64_t versions() const {
    return versions_.load(std::memory_order_relaxed);
  }
  // Of keys and rows.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kMaxHeight = 12;
  // As many as a store's table takes versions (store.cc).
  static constexpr size_t kBuckets = 16384;

  struct Prefix;
  struct Place;
  // The last version before a place in the list (the head if there is none),
  // and the first one at or after it.
  struct Neighbours {
    const Node* before;
    const Node* at_or_after;
  };

  Node* NewNode(absl::string_view key, uint64_t number, absl::string_view row,
                int height);
  int RandomHeight();
  void AddToList(Node* node, int height);
  void AddToIndex(Node* node);
  std::atomic<Node*>& BucketOf(absl::string_view key) const;
  static Node* OldestIn(Node* first, const Prefix& prefix,
                        absl::string_view key);

  // The order of the list: keys up, numbers down.
  Neighbours Around(absl::string_view key, uint64_t number) const;
  const Node* Last() const;
  // The newest version of the key up to that number, or nullptr.
  const Node* Version(absl::string_view key, uint64_t up_to) const;

  // Apart, because a walk touches many nodes and few rows.
  ByteArena nodes_;
  ByteArena rows_;
  // Of each key its oldest version, chained.
  const std::unique_ptr<std::atomic<Node*>[]> buckets_;
  Node* const head_;
  std::atomic<int> height_{1};
  uint64_t random_ = 0x9E3779B97F4A7C15;
  std::atomic<uint64_t> versions_{0};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace pallet::storage
