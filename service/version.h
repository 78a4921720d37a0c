// SPDX-License-Identifier: Apache-2.0
//
// The version of this build, from the project's CMakeLists.txt.
#pragma once

namespace pallet::service {

inline constexpr char kVersion[] = PALLET_VERSION;

}  // namespace pallet::service
