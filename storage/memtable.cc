// SPDX-License-Identifier: Apache-2.0
#include "storage/memtable.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "xxhash.h"

namespace pallet::storage {
namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

// The first sixteen bytes of a key as numbers that compare as the bytes do.
// Row keys begin with a hash: these decide nearly every comparison without a
// look at the key.
struct Memtable::Prefix {
  uint64_t first = 0, second = 0;

  static Prefix Of(absl::string_view key) {
    unsigned char bytes[16] = {};
    if (!key.empty()) {
      std::memcpy(bytes, key.data(), std::min(key.size(), sizeof(bytes)));
    }
    return {BigEndian(bytes), BigEndian(bytes + 8)};
  }
  int Compare(const Prefix& other) const {
    if (first != other.first) return first < other.first ? -1 : 1;
    if (second != other.second) return second < other.second ? -1 : 1;
    return 0;
  }

 private:
  static uint64_t BigEndian(const unsigned char* bytes) {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | bytes[i];
    return number;
  }
};

// A version of a key. Behind it come its links, `height` of them, and the bytes
// of its key. Prefix and lower links, all that a walk looks at, begin a cache line.
struct Memtable::Node {
  absl::string_view key;
  absl::string_view row;
  const Node* older = nullptr;  // version of the same key

  // Of a key's oldest version only, for all of them:
  std::atomic<const Node*> newest{nullptr};
  Node* next_in_bucket = nullptr;

  uint64_t number;
  Prefix prefix;

  std::atomic<Node*>* links() {
    return reinterpret_cast<std::atomic<Node*>*>(this + 1);
  }
  const std::atomic<Node*>* links() const {
    return reinterpret_cast<const std::atomic<Node*>*>(this + 1);
  }
  const Node* Next(int level) const {
    return links()[level].load(std::memory_order_acquire);
  }
};

// A place in the order of the list: keys up, numbers down.
struct Memtable::Place {
  Place(const Prefix& prefix, absl::string_view key, uint64_t number)
      : prefix(prefix), key(key), number(number) {}

  bool IsAfter(const Node& node) const {
    int order = node.prefix.Compare(prefix);
    if (order == 0) order = node.key.compare(key);
    return order < 0 || (order == 0 && node.number > number);
  }

  const Prefix prefix;
  const absl::string_view key;
  const uint64_t number;
};

// The oldest version of `key` in the chain of a bucket from `first` on.
Memtable::Node* Memtable::OldestIn(Node* first, const Prefix& prefix,
                                   absl::string_view key) {
  for (Node* node = first; node != nullptr; node = node->next_in_bucket) {
    if (node->prefix.Compare(prefix) == 0 && node->key == key) return node;
  }
  return nullptr;
}

static_assert(offsetof(Memtable::Node, prefix) == kCacheLine);

Memtable::Memtable()
    : buckets_(new std::atomic<Node*>[kBuckets]()),
      head_(NewNode({}, UINT64_MAX, {}, kMaxHeight)) {}

Memtable::Node* Memtable::NewNode(absl::string_view key, uint64_t number,
                                  absl::string_view row, int height) {
  const size_t size = sizeof(Node) + height * sizeof(std::atomic<Node*>);
  char* place = nodes_.Allocate(size + key.size() + kCacheLine - 1);
  place += -reinterpret_cast<uintptr_t>(place) & (kCacheLine - 1);
  if (!key.empty()) std::memcpy(place + size, key.data(), key.size());
  Node* const node = new (place) Node{.key = {place + size, key.size()},
                                      .row = rows_.Copy(row),
                                      .number = number,
                                      .prefix = Prefix::Of(key)};
  for (int level = 0; level < height; ++level) {
    new (&node->links()[level]) std::atomic<Node*>(nullptr);
  }
  return node;
}

int Memtable::RandomHeight() {
  // xorshift64 (Marsaglia 2003); a quarter of the nodes reach the next level.
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  int height = 1;
  for (uint64_t bits = random_; height < kMaxHeight && (bits & 3) == 0;
       bits >>= 2) {
    ++height;
  }
  return height;
}

void Memtable::Add(uint64_t number, absl::string_view row_key,
                   absl::string_view row) {
  const int height = RandomHeight();
  Node* const node = NewNode(row_key, number, row, height);
  AddToList(node, height);
  AddToIndex(node);
  versions_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(row_key.size() + row.size(), std::memory_order_relaxed);
}

void Memtable::AddToList(Node* node, int height) {
  const Place place(node->prefix, node->key, node->number);
  if (height > height_.load(std::memory_order_relaxed)) {
    // A reader that does not see it yet starts lower: slower, not wrong.
    height_.store(height, std::memory_order_relaxed);
  }
  Node* before[kMaxHeight];
  Node* at = head_;
  for (int level = height_.load(std::memory_order_relaxed); level-- > 0;) {
    // Before an equal one: the last version of a batch is found first.
    while (Node* next = at->links()[level].load(std::memory_order_relaxed)) {
      if (!place.IsAfter(*next)) break;
      at = next;
    }
    before[level] = at;
  }
  // From below: who meets the node on some level can go on on all below.
  for (int level = 0; level < height; ++level) {
    node->links()[level].store(
        before[level]->links()[level].load(std::memory_order_relaxed),
        std::memory_order_relaxed);
    before[level]->links()[level].store(node, std::memory_order_release);
  }
}

void Memtable::AddToIndex(Node* node) {
  std::atomic<Node*>& bucket = BucketOf(node->key);
  Node* const first = bucket.load(std::memory_order_relaxed);
  if (Node* const oldest = OldestIn(first, node->prefix, node->key)) {
    node->older = oldest->newest.load(std::memory_order_relaxed);
    oldest->newest.store(node, std::memory_order_release);
  } else {
    node->newest.store(node, std::memory_order_relaxed);
    node->next_in_bucket = first;
    bucket.store(node, std::memory_order_release);
  }
}

std::atomic<Memtable::Node*>& Memtable::BucketOf(absl::string_view key) const {
  return buckets_[XXH3_64bits(key.data(), key.size()) % kBuckets];
}

Memtable::Neighbours Memtable::Around(absl::string_view key,
                                      uint64_t number) const {
  const Place place(Prefix::Of(key), key, number);
  const Node* before = head_;
  int level = height_.load(std::memory_order_relaxed) - 1;
  while (true) {
    // Read once: what is linked a moment later is not for this reader.
    const Node* const next = before->Next(level);
    if (next != nullptr && place.IsAfter(*next)) {
      before = next;
    } else if (level-- == 0) {
      return {before, next};
    }
  }
}

const Memtable::Node* Memtable::Last() const {
  const Node* last = head_;
  int level = height_.load(std::memory_order_relaxed) - 1;
  while (true) {
    if (const Node* const next = last->Next(level)) {
      last = next;
    } else if (level-- == 0) {
      return last;
    }
  }
}

const Memtable::Node* Memtable::Version(absl::string_view key,
                                        uint64_t up_to) const {
  Node* const first = BucketOf(key).load(std::memory_order_acquire);
  if (first == nullptr) return nullptr;
  const Node* const oldest = OldestIn(first, Prefix::Of(key), key);
  if (oldest == nullptr) return nullptr;
  const Node* version = oldest->newest.load(std::memory_order_acquire);
  while (version != nullptr && version->number > up_to) {
    version = version->older;
  }
  return version;
}

std::optional<absl::string_view> Memtable::Find(absl::string_view row_key,
                                                uint64_t up_to) const {
  const Node* const version = Version(row_key, up_to);
  if (version == nullptr) return std::nullopt;
  return version->row;
}

// --- Cursor ---

absl::string_view Memtable::Cursor::key() const { return at_->key; }
absl::string_view Memtable::Cursor::row() const { return at_->row; }

// To the first key from `node` on that has a version young enough.
void Memtable::Cursor::Forward(const Node* node) {
  while (node != nullptr && node->number > up_to_) node = node->Next(0);
  at_ = node;
}

// To the last key up to that of `node` that has one.
void Memtable::Cursor::Backward(const Node* node) {
  while (node != table_->head_) {
    if (const Node* const version = table_->Version(node->key, up_to_)) {
      at_ = version;
      return;
    }
    node = table_->Around(node->key, UINT64_MAX).before;
  }
  at_ = nullptr;
}

void Memtable::Cursor::SeekAtOrAfter(absl::string_view key) {
  Forward(table_->Around(key, up_to_).at_or_after);
}

void Memtable::Cursor::SeekBefore(absl::string_view key) {
  Backward(table_->Around(key, UINT64_MAX).before);
}

void Memtable::Cursor::SeekLast() { Backward(table_->Last()); }

void Memtable::Cursor::Next() {
  const Node* node = at_->Next(0);
  while (node != nullptr && node->key == at_->key) node = node->Next(0);
  Forward(node);
}

}  // namespace pallet::storage
