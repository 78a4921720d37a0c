# SPDX-License-Identifier: Apache-2.0
# find_package(pallet): targets pallet::client (the C++ client), pallet::model,
# pallet::proto (the messages of pallet.v1) and pallet::base.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(absl)
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
find_dependency(spdlog)
include(${CMAKE_CURRENT_LIST_DIR}/palletTargets.cmake)
