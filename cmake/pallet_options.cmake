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
if(PALLET_SANITIZE STREQUAL "thread")
  # base/tsan_mutex.cc tells why.
  set(tsan_mutex ${PROJECT_SOURCE_DIR}/base/tsan_mutex.cc)
  target_sources(pallet_options INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${tsan_mutex}>)
  file(READ ${tsan_mutex} text)
  string(REGEX MATCHALL "_ZNK?4absl[A-Za-z0-9_]+" symbols "${text}")
  list(REMOVE_DUPLICATES symbols)
  list(TRANSFORM symbols PREPEND "-Wl,--wrap=")
  target_link_options(pallet_options INTERFACE ${symbols})
endif()
