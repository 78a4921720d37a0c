# SPDX-License-Identifier: Apache-2.0
# What a stranger's project gets: the client library with what it stands on, its
# headers and protos, the programs, and find_package(pallet).
include(CMakePackageConfigHelpers)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/pallet)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/pallet)

install(TARGETS pallet_base pallet_client pallet_model pallet_proto
  EXPORT palletTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS pallet palletd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# gRPC stays inside: the headers that show it are not part of the library.
install(DIRECTORY base client model DESTINATION ${headers}
  FILES_MATCHING PATTERN *.h
  PATTERN tool EXCLUDE
  PATTERN examples EXCLUDE
  PATTERN grpc_calls.h EXCLUDE
  PATTERN pipeline.h EXCLUDE)
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/ DESTINATION ${headers}
  FILES_MATCHING PATTERN *.pb.h
  PATTERN *.grpc.pb.h EXCLUDE
  PATTERN CMakeFiles EXCLUDE
  PATTERN storage EXCLUDE)
install(DIRECTORY proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/pallet/proto
  FILES_MATCHING PATTERN *.proto PATTERN storage EXCLUDE)

install(EXPORT palletTargets NAMESPACE pallet:: DESTINATION ${package})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/palletConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_SOURCE_DIR}/cmake/palletConfig.cmake
  ${PROJECT_BINARY_DIR}/palletConfigVersion.cmake
  DESTINATION ${package})
