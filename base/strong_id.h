// SPDX-License-Identifier: Apache-2.0
//
// StrongId: integers that must not be swapped get a type of their own.
//
//   struct TableIdTag;  using TableId = StrongId<TableIdTag, uint64_t>;
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <utility>

namespace pallet {

template <typename Tag, typename Integer>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Integer value) : value_(value) {}
  constexpr Integer value() const { return value_; }

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  template <typename H>
  friend H AbslHashValue(H state, StrongId id) {
    return H::combine(std::move(state), id.value_);
  }
  friend std::ostream& operator<<(std::ostream& out, StrongId id) {
    return out << id.value_;
  }

 private:
  Integer value_ = 0;
};

}  // namespace pallet
