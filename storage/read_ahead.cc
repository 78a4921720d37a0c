// SPDX-License-Identifier: Apache-2.0
#include "storage/read_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace pallet::storage {
namespace {

constexpr size_t kHeaderBytes = 16;
constexpr size_t kNodeBytes = 8;
constexpr uint16_t kBranch = 1;
constexpr uint16_t kLeaf = 2;
constexpr uint16_t kBigValue = 1;
constexpr int kMaxDepth = 32;
constexpr uint64_t kLeavesBefore = 2;  // short reads do without
constexpr size_t kMaxWindow = 256;
constexpr size_t kLongScan = 64;  // a window as large as this is one
constexpr uint64_t kBlockPages = 16;
constexpr uint32_t kMaxRun = 256;  // pages of one value; 400 KB items have 101

// A quarter of the machine's memory, bytes.
uint64_t MemoryForScans() {
  static const uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) /
                                4;
  return bytes;
}

template <typename Integer>
Integer Load(const char* from) {
  Integer value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

}  // namespace

ReadAhead::ReadAhead(const char* map, uint64_t root, int depth,
                     uint64_t page_size, uint64_t page_count)
    : map_(map),
      root_(root),
      depth_(depth),
      page_size_(page_size),
      page_count_(page_count),
      fits_in_memory_(page_count * page_size <= MemoryForScans()) {}

struct ReadAhead::Page {
  const char* bytes;
  uint64_t size;
  uint16_t flags;
  size_t nodes;

  // Null if the node does not lie in the page.
  const char* Node(size_t i) const {
    const uint16_t at = storage::Load<uint16_t>(bytes + kHeaderBytes + 2 * i);
    if (at + kNodeBytes > size) return nullptr;
    const char* const node = bytes + at;
    return at + kNodeBytes + KeySize(node) <= size ? node : nullptr;
  }
  static uint16_t KeySize(const char* node) {
    return storage::Load<uint16_t>(node + 6);
  }
  static absl::string_view Key(const char* node) {
    return {node + kNodeBytes, KeySize(node)};
  }
  static uint16_t Flags(const char* node) {
    return storage::Load<uint16_t>(node + 4);
  }
  static uint64_t Child(const char* node) {
    return storage::Load<uint32_t>(node) | uint64_t{Flags(node)} << 32;
  }

  // Which child of a branch leads to `key`: the last whose key is not after it.
  // The first child's key counts as before every other.
  size_t ChildFor(absl::string_view key) const {
    size_t low = 1, high = nodes;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      const char* const node = Node(middle);
      if (node != nullptr && Key(node) <= key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  }
};

std::unique_ptr<ReadAhead> ReadAhead::Create(absl::string_view record,
                                             uint64_t page_size,
                                             uint64_t page_count) {
  constexpr size_t kRecordBytes = 48;
  if (record.size() != kRecordBytes) return nullptr;
  const auto address = reinterpret_cast<uintptr_t>(record.data());
  const char* const page =
      reinterpret_cast<const char*>(address & ~(page_size - 1));
  const auto number = storage::Load<uint64_t>(page);
  const auto depth = storage::Load<uint16_t>(record.data() + 6);
  const auto root = storage::Load<uint64_t>(record.data() + 40);
  if (number >= page_count || root >= page_count || depth > kMaxDepth) {
    return nullptr;  // among them: an empty database
  }
  return std::unique_ptr<ReadAhead>(new ReadAhead(
      page - number * page_size, root, depth, page_size, page_count));
}

bool ReadAhead::Load(uint64_t number, Page* page) const {
  if (number >= page_count_) return false;
  page->bytes = map_ + number * page_size_;
  page->size = page_size_;
  if (storage::Load<uint64_t>(page->bytes) != number) return false;
  page->flags = storage::Load<uint16_t>(page->bytes + 10);
  const auto lower = storage::Load<uint16_t>(page->bytes + 12);
  if (lower < kHeaderBytes || lower > page_size_) return false;
  page->nodes = (lower - kHeaderBytes) / 2;
  return page->nodes > 0;
}

void ReadAhead::EnterLeaf(uintptr_t leaf, absl::string_view key,
                          Direction direction) {
  leaf_ = leaf;
  if (direction != direction_) {
    direction_ = direction;
    leaves_ = asked_ = 0;
    ended_ = false;
  }
  if (++leaves_ <= kLeavesBefore) return;
  AskForLongValues(leaf);
  if (asked_ > 0) --asked_;
  if (ended_ || asked_ > window_ / 2) return;
  const size_t wanted = asked_ + window_;
  std::vector<uint64_t> pages = LeavesAfter(key, direction, wanted);
  const size_t known = pages.size();
  ended_ = known < wanted;
  pages.erase(pages.begin(),
              pages.begin() + static_cast<ptrdiff_t>(std::min(asked_, known)));
  AskFor(std::move(pages));
  asked_ = known;
  window_ = std::min(2 * window_, kMaxWindow);
}

std::vector<uint64_t> ReadAhead::LeavesAfter(absl::string_view key,
                                             Direction direction,
                                             size_t count) const {
  struct Step {
    Page page;
    size_t child;
  };
  std::vector<uint64_t> leaves;
  std::vector<Step> path;  // branches from the root down
  uint64_t number = root_;
  for (int level = 1; level < depth_; ++level) {
    Step step;
    if (!Load(number, &step.page) || step.page.flags != kBranch) return leaves;
    step.child = step.page.ChildFor(key);
    const char* const node = step.page.Node(step.child);
    if (node == nullptr) return leaves;
    number = Page::Child(node);
    path.push_back(step);
  }
  const bool forward = direction == Direction::kForward;
  while (!path.empty() && leaves.size() < count) {
    Step& last = path.back();
    if (forward ? last.child + 1 >= last.page.nodes : last.child == 0) {
      path.pop_back();
      continue;
    }
    forward ? ++last.child : --last.child;
    const char* const node = last.page.Node(last.child);
    if (node == nullptr) return leaves;
    if (static_cast<int>(path.size()) == depth_ - 1) {
      leaves.push_back(Page::Child(node));
      continue;
    }
    Step below;
    if (!Load(Page::Child(node), &below.page) || below.page.flags != kBranch) {
      return leaves;
    }
    // Just outside of it, so that the next round steps onto its first child.
    below.child = forward ? static_cast<size_t>(-1) : below.page.nodes;
    path.push_back(below);
  }
  return leaves;
}

// The leaf itself was asked for before; what it points at was not.
void ReadAhead::AskForLongValues(uintptr_t leaf) {
  Page page;
  const auto offset = leaf - reinterpret_cast<uintptr_t>(map_);
  if (!Load(offset / page_size_, &page) || page.flags != kLeaf) return;
  std::vector<uint64_t> pages;
  for (size_t i = 0; i < page.nodes; ++i) {
    const char* const node = page.Node(i);
    if (node == nullptr) return;
    if (Page::Flags(node) != kBigValue) continue;
    const auto size = storage::Load<uint32_t>(node);
    const auto first =
        storage::Load<uint64_t>(node + kNodeBytes + Page::KeySize(node));
    const uint64_t run = (size + kHeaderBytes + page_size_ - 1) / page_size_;
    if (run > kMaxRun || first >= page_count_) return;
    for (uint64_t k = 0; k < run; ++k) pages.push_back(first + k);
  }
  AskFor(std::move(pages));
}

void ReadAhead::AskFor(std::vector<uint64_t> pages) {
  // Of a warm table all are there; two looks tell.
  if (pages.empty() ||
      (!cold_ && IsInMemory(pages.front()) && IsInMemory(pages.back()))) {
    return;
  }
  const auto there = [this](uint64_t page) {
    return page >= page_count_ || IsInMemory(page);
  };
  pages.erase(std::remove_if(pages.begin(), pages.end(), there), pages.end());
  cold_ = !pages.empty();
  std::sort(pages.begin(), pages.end());
  // A long scan comes to the neighbours too: ask for whole blocks of them, as
  // long as memory is likely to keep them until then.
  const uint64_t block =
      window_ >= kLongScan && fits_in_memory_ ? kBlockPages : 1;
  for (size_t i = 0; i < pages.size();) {
    const uint64_t first = pages[i] / block * block;
    uint64_t end = first + block;
    for (++i; i < pages.size() && pages[i] <= end; ++i) {
      end = pages[i] / block * block + block;
    }
    end = std::min(end, page_count_);
    madvise(const_cast<char*>(map_ + first * page_size_),
            (end - first) * page_size_, MADV_WILLNEED);
  }
}

bool ReadAhead::IsInMemory(uint64_t page) const {
  unsigned char resident = 0;
  return page < page_count_ &&
         mincore(const_cast<char*>(map_ + page * page_size_), page_size_,
                 &resident) == 0 &&
         (resident & 1) != 0;
}

}  // namespace pallet::storage
