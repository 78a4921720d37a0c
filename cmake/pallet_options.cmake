# SPDX-License-Identifier: Apache-2.0
# pallet::options: the warnings and sanitizers every target of ours is built with.
add_library(pallet_options INTERFACE)
add_library(pallet::options ALIAS pallet_options)
set_target_properties(pallet_options PROPERTIES EXPORT_NAME options)
target_compile_features(pallet_options INTERFACE cxx_std_20)
target_compile_options(pallet_options INTERFACE
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wno-unused-parameter>
  $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>>
  $<BUILD_INTERFACE:$<$<BOOL:${PALLET_WERROR}>:-Werror>>)
if(PALLET_SANITIZE)
  target_compile_options(pallet_options INTERFACE
    $<BUILD_INTERFACE:-fsanitize=${PALLET_SANITIZE};-fno-omit-frame-pointer>
    $<BUILD_INTERFACE:-fno-sanitize-recover=all>)
  target_link_options(pallet_options INTERFACE
    $<BUILD_INTERFACE:-fsanitize=${PALLET_SANITIZE}>)
endif()
if(PALLET_FUZZ)
  target_compile_options(pallet_options INTERFACE
    $<BUILD_INTERFACE:-fsanitize=fuzzer-no-link>)
endif()

# pallet::allocator: jemalloc for our programs, not for what a stranger links
# (docs/adr/0017-jemalloc.md). The sanitizers bring their own.
add_library(pallet_allocator INTERFACE)
add_library(pallet::allocator ALIAS pallet_allocator)
if(NOT PALLET_SANITIZE)
  # No symbol of ours asks for it.
  target_link_libraries(pallet_allocator INTERFACE
    -Wl,--push-state,--no-as-needed PkgConfig::JEMALLOC -Wl,--pop-state)
endif()
