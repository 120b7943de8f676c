# One target per room, so that a forbidden include does not link.
#
#   holdfast_room(raft PATH consensus/raft USES model LIBRARIES absl::btree)
#
# collects PATH/*.cc (without *_test.cc) into the library holdfast_raft and each *_test.cc into a test program of its
# own, named as the file and registered with ctest.

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What ccache must overlook to cache compilations that read a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(GTest REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)

# -pthread for all, because a precompiled header is only good for sources with the same definitions.
add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer -pthread)
# GCC 12 reports overlaps and uninitialised reads in the standard library that are not there (GCC bugs 105329, 105562).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>)
add_compile_definitions($<$<BOOL:${HOLDFAST_CHECK_INVARIANTS}>:HOLDFAST_CHECK_INVARIANTS>)
if(HOLDFAST_SANITIZE)
  add_compile_options(-fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HOLDFAST_SANITIZE})
endif()
if(HOLDFAST_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(HOLDFAST_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

option(HOLDFAST_PRECOMPILE "Precompile common headers (GCC)" ON)

# Tests are compiled quickly rather than well (half the time of -O3); the rooms they test are not.
set(HOLDFAST_TEST_OPTIONS $<$<CONFIG:Release,RelWithDebInfo>:-O1>)

function(holdfast_test name source)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${ARG_USES} GTest::gtest GTest::gtest_main GTest::gmock)
  target_compile_options(${name} PRIVATE ${HOLDFAST_TEST_OPTIONS})
  holdfast_precompile(${name} test)
  target_compile_definitions(${name} PRIVATE HOLDFAST_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             HOLDFAST_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()

# holdfast_planted_test(name source ROOMS a b): a test program over rooms that are compiled a second time, with the
# planted bugs of base/planted.h in them.
function(holdfast_planted_test name source)
  cmake_parse_arguments(ARG "" "" "ROOMS" ${ARGN})
  foreach(room ${ARG_ROOMS})
    holdfast_planted_room(${room})
  endforeach()
  list(TRANSFORM ARG_ROOMS PREPEND holdfast_planted_)
  holdfast_test(${name} ${source} USES ${ARG_ROOMS})
endfunction()

# The headers that nearly every source reads, compiled once for rooms and once for tests. GCC only, so that Clang's builds
# see a missing include. The compiler cache works with it.
function(holdfast_precompile target kind)
  if(HOLDFAST_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${target} REUSE_FROM holdfast_precompiled_${kind})
  endif()
endfunction()

function(holdfast_define_precompiled kind)
  cmake_parse_arguments(ARG "" "" "LIBRARIES;HEADERS;OPTIONS" ${ARGN})
  if(NOT EXISTS ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc)  # written again it would be built again
    file(WRITE ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc "")
  endif()
  add_library(holdfast_precompiled_${kind} OBJECT ${CMAKE_BINARY_DIR}/precompiled/${kind}.cc)
  target_include_directories(holdfast_precompiled_${kind} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(holdfast_precompiled_${kind} PRIVATE ${ARG_LIBRARIES})
  target_compile_options(holdfast_precompiled_${kind} PRIVATE ${ARG_OPTIONS})
  target_precompile_headers(holdfast_precompiled_${kind} PRIVATE
    <algorithm> <cstdint> <functional> <map> <memory> <optional> <set> <string> <string_view> <utility> <variant> <vector>
    <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/container/inlined_vector.h> ${ARG_HEADERS})
endfunction()

function(holdfast_planted_room name)
  if(TARGET holdfast_planted_${name})
    return()
  endif()
  get_property(sources GLOBAL PROPERTY holdfast_${name}_SOURCES)
  get_property(uses GLOBAL PROPERTY holdfast_${name}_USES)
  get_property(libraries GLOBAL PROPERTY holdfast_${name}_LIBRARIES)
  foreach(used ${uses})
    holdfast_planted_room(${used})
  endforeach()
  list(TRANSFORM uses PREPEND holdfast_planted_)
  set(kind INTERFACE)
  if(sources)
    add_library(holdfast_planted_${name} STATIC EXCLUDE_FROM_ALL ${sources})
    target_compile_options(holdfast_planted_${name} PRIVATE ${HOLDFAST_TEST_OPTIONS})
    set(kind PUBLIC)
  else()
    add_library(holdfast_planted_${name} INTERFACE)
  endif()
  target_include_directories(holdfast_planted_${name} ${kind} ${CMAKE_SOURCE_DIR})
  target_compile_definitions(holdfast_planted_${name} ${kind} HOLDFAST_PLANTED_BUGS)
  target_link_libraries(holdfast_planted_${name} ${kind} ${uses} ${libraries})
endfunction()

function(holdfast_room name)
  cmake_parse_arguments(ARG "" "PATH" "USES;LIBRARIES;TEST_USES;ONLY;WITHOUT" ${ARGN})
  if(NOT ARG_PATH)
    set(ARG_PATH ${name})
  endif()
  set(dir ${CMAKE_SOURCE_DIR}/holdfast/${ARG_PATH})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  list(REMOVE_ITEM sources ${tests})
  # A part of a room that others need without the rest is a target of its own (ONLY); the room then goes WITHOUT it.
  list(TRANSFORM ARG_ONLY PREPEND ${dir}/)
  list(TRANSFORM ARG_WITHOUT PREPEND ${dir}/)
  if(ARG_ONLY)
    set(sources ${ARG_ONLY})
    set(tests "")
  elseif(ARG_WITHOUT)
    list(REMOVE_ITEM sources ${ARG_WITHOUT})
  endif()
  set_property(GLOBAL PROPERTY holdfast_${name}_SOURCES ${sources})
  set_property(GLOBAL PROPERTY holdfast_${name}_USES ${ARG_USES})
  set_property(GLOBAL PROPERTY holdfast_${name}_LIBRARIES ${ARG_LIBRARIES})
  list(TRANSFORM ARG_USES PREPEND holdfast_)
  list(TRANSFORM ARG_TEST_USES PREPEND holdfast_)
  if(sources)
    add_library(holdfast_${name} STATIC ${sources})
    target_include_directories(holdfast_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
    target_link_libraries(holdfast_${name} PUBLIC ${ARG_USES} ${ARG_LIBRARIES})
    holdfast_precompile(holdfast_${name} room)
  else()
    add_library(holdfast_${name} INTERFACE)
    target_include_directories(holdfast_${name} INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
    target_link_libraries(holdfast_${name} INTERFACE ${ARG_USES} ${ARG_LIBRARIES})
  endif()
  foreach(test ${tests})
    get_filename_component(test_name ${test} NAME_WE)
    holdfast_test(${test_name} ${test} USES holdfast_${name} ${ARG_TEST_USES})
  endforeach()
endfunction()

if(HOLDFAST_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  holdfast_define_precompiled(room LIBRARIES absl::statusor absl::strings absl::inlined_vector)
  holdfast_define_precompiled(test LIBRARIES absl::statusor absl::strings absl::inlined_vector GTest::gtest
                              HEADERS <gtest/gtest.h> OPTIONS -fPIE ${HOLDFAST_TEST_OPTIONS})
endif()
