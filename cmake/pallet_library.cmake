# SPDX-License-Identifier: Apache-2.0
# pallet_library(NAME storage SRCS ... DEPS pallet::base ... [PRIVATE_DEPS ...])
# One folder, one library: target pallet_<name>, alias pallet::<name>.
function(pallet_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  set(target pallet_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SRCS})
  add_library(pallet::${ARG_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_NAME})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/pallet>)
  target_link_libraries(${target} PUBLIC ${ARG_DEPS} PRIVATE
    $<BUILD_INTERFACE:pallet::options> ${ARG_PRIVATE_DEPS})
endfunction()

# pallet_test(NAME key_codec_test [LABELS unit] SRCS ... DEPS ...)
# A GoogleTest program, one ctest entry for the whole program. Labels: unit,
# property, integration, fault; threads (also run under the thread sanitizer);
# long (only in tests/run --all).
function(pallet_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE pallet::options ${ARG_DEPS}
    GTest::gmock GTest::gtest_main)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES
    LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(thread_tests ${ARG_NAME})
  endif()
  if(ARG_LABELS MATCHES "unit|property|fault")
    add_dependencies(memory_tests ${ARG_NAME})
  endif()
endfunction()

# pallet_fuzz(NAME key_codec_fuzz SRCS ... DEPS ...)
# A libFuzzer target if PALLET_FUZZ is on. Otherwise an ordinary program over
# its corpus, tests/fuzz/corpus/key_codec; that is a test in both cases.
function(pallet_fuzz)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE pallet::options ${ARG_DEPS})
  string(REGEX REPLACE "_fuzz$" "" corpus ${ARG_NAME})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
  if(PALLET_FUZZ)
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} -runs=0 ${corpus})
  else()
    target_link_libraries(${ARG_NAME} PRIVATE fuzz_replay)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${corpus})
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS fuzz TIMEOUT 120)
  add_dependencies(fuzzers ${ARG_NAME})
  add_dependencies(memory_tests ${ARG_NAME})
endfunction()
