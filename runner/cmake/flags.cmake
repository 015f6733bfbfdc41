# Build types and warnings. Names as in CMakePresets.json: Debug Asan Tsan Fuzz Release.
set(CMAKE_CONFIGURATION_TYPES "")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug Asan Tsan Fuzz Release" FORCE)
endif()
set(san "-g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all")
set(CMAKE_C_FLAGS_DEBUG "-g -Og")
set(CMAKE_C_FLAGS_ASAN "${san} -fsanitize=address,undefined")
set(CMAKE_C_FLAGS_TSAN "${san} -fsanitize=thread")
set(CMAKE_C_FLAGS_FUZZ "${san} -fsanitize=address,undefined,fuzzer-no-link")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(branches -mbranch-protection=standard)
else()
  set(branches -fcf-protection)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection ${branches} -fPIE")
set(CMAKE_EXE_LINKER_FLAGS_RELEASE "-Wl,-z,relro,-z,now")
if(CMAKE_BUILD_TYPE MATCHES "^(Asan|Tsan|Fuzz)$")
  set(PLAY_SANITIZED ON)
else()
  set(PLAY_SANITIZED OFF)
endif()
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wvla -Walloca -Wformat=2 -Wcast-qual -Wwrite-strings -Wpointer-arith
  -Wundef -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough -Wdate-time -fno-common -ffunction-sections
  -fdata-sections -pthread
  $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond> $<$<C_COMPILER_ID:GNU>:-Wduplicated-branches>
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op> $<$<C_COMPILER_ID:GNU>:-Wjump-misses-init>
  $<$<C_COMPILER_ID:GNU>:-Wcast-align=strict> $<$<C_COMPILER_ID:Clang>:-Wmissing-variable-declarations>
  $<$<C_COMPILER_ID:Clang>:-Wno-gnu-zero-variadic-macro-arguments>
  -include ${CMAKE_SOURCE_DIR}/runner/base/prelude.h)
if(PLAY_SANITIZED AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # The sanitizers' own checks confuse gcc's flow analysis.
  add_compile_options(-Wno-null-dereference -Wno-maybe-uninitialized)
endif()
add_compile_options($<$<AND:$<C_COMPILER_ID:GNU>,$<CONFIG:Release>>:-ftrivial-auto-var-init=zero>)
add_link_options(-Wl,--gc-sections -pthread)
