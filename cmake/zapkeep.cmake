# The build in three words: zk_module (a folder of common/ or proto/), zk_program (a service, the CLI),
# zk_test (one cmocka executable). Flags travel with the interface target, nothing is global.

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nng CONFIG REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(MSGPACK REQUIRED IMPORTED_TARGET msgpack)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
# bcrypt, of the libc's own libcrypt
add_library(zk_crypt INTERFACE)
target_link_libraries(zk_crypt INTERFACE crypt)

add_library(zk_flags INTERFACE)
target_compile_features(zk_flags INTERFACE c_std_17)
target_compile_definitions(zk_flags INTERFACE _GNU_SOURCE ZK_VERSION="${PROJECT_VERSION}")
target_include_directories(zk_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(zk_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wno-unused-parameter
  -fno-common -fstack-protector-strong -fstack-clash-protection -fPIE
  $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>)
target_link_options(zk_flags INTERFACE -pie -Wl,-z,relro,-z,now)
target_link_libraries(zk_flags INTERFACE m) # without optimisation trunc() is a call
if(ZK_SANITIZE OR ZK_FUZZ)
  target_compile_options(zk_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(zk_flags INTERFACE -fsanitize=address,undefined)
else()
  target_compile_definitions(zk_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=3>)
endif()
if(ZK_FUZZ)
  target_compile_options(zk_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# zk_module(NAME SOURCES a.c… USES lower modules and libraries…)
function(zk_module name)
  cmake_parse_arguments(M "" "" "SOURCES;USES" ${ARGN})
  foreach(use IN LISTS M_USES)
    if(NOT TARGET ${use})
      message(FATAL_ERROR "${name} uses ${use}, which is not on a lower floor")
    endif()
  endforeach()
  add_library(${name} STATIC ${M_SOURCES})
  target_link_libraries(${name} PUBLIC zk_flags ${M_USES})
endfunction()

# zk_program(NAME SOURCES a.c… USES…)
function(zk_program name)
  cmake_parse_arguments(P "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE zk_flags ${P_USES})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# zk_test(NAME SOURCES a.c… USES…): a cmocka executable, run by ctest as NAME.
function(zk_test name)
  cmake_parse_arguments(T "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE zk_flags ${T_USES} cmocka)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  # cmocka counts a test that called skip() as passed, and ctest's own SKIP_REGULAR_EXPRESSION would hide one that failed beside it.
  set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
endfunction()
