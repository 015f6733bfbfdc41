# play-remote for other machines: the target play-remote-aarch64, with -DPLAY_ARM64=ON (off by default: it compiles what
# play-remote consists of once more). It needs gcc-aarch64-linux-gnu; the libraries of the target come through apt with the
# signatures of the machine's own sources, into a sysroot beside the cached libcurl. The result lies beside the native one.
option(PLAY_ARM64 "Build play-remote for arm64 too" OFF)
set(cross_packages libc6-dev libc6 linux-libc-dev libcrypt-dev libpcre2-dev libyaml-dev liblua5.4-dev libjansson-dev
  libmbedtls-dev libc-ares-dev zlib1g-dev)

# cross_sysroot(<debian arch> <out>): the path of a directory with the packages of that architecture unpacked.
function(cross_sysroot arch out)
  string(SHA256 key "${cross_packages}")
  string(SUBSTRING ${key} 0 12 key)
  set(root ${play_cache}/sysroot-${arch}-${key})
  if(NOT EXISTS ${root}/complete)
    message(STATUS "sysroot ${arch}: fetching ${cross_packages}")
    set(work ${play_cache}/sysroot-work-${arch})
    file(REMOVE_RECURSE ${work} ${root})
    file(MAKE_DIRECTORY ${work}/lists/partial ${work}/cache/archives/partial ${work}/debs ${root})
    file(TOUCH ${work}/status)
    file(WRITE ${work}/apt.conf "APT::Architecture \"${arch}\";
APT::Architectures { \"${arch}\"; };
Dir::State::lists \"${work}/lists\";
Dir::State::status \"${work}/status\";
Dir::Cache \"${work}/cache\";
APT::Sandbox::User \"\";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
")
    set(apt ${CMAKE_COMMAND} -E env APT_CONFIG=${work}/apt.conf apt-get -q)
    execute_process(COMMAND ${apt} update OUTPUT_QUIET ERROR_QUIET TIMEOUT 300)
    execute_process(COMMAND ${apt} download ${cross_packages} WORKING_DIRECTORY ${work}/debs RESULT_VARIABLE rc
      OUTPUT_QUIET ERROR_VARIABLE said TIMEOUT 300)
    file(GLOB debs ${work}/debs/*.deb)
    if(NOT rc EQUAL 0 OR NOT debs)
      message(FATAL_ERROR "the ${arch} packages ${cross_packages} cannot be had through apt: ${said}"
        "\nbuild without -DPLAY_ARM64=ON, or make the repositories of that architecture reachable")
    endif()
    foreach(deb ${debs})
      execute_process(COMMAND dpkg-deb -x ${deb} ${root} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    file(REMOVE_RECURSE ${work} ${root}/usr/share/doc)
    file(TOUCH ${root}/complete)
  endif()
  set(${out} ${root} PARENT_SCOPE)
endfunction()

# cross_remote(<machine> <debian arch> <triplet>): the target play-remote-<machine>.
function(cross_remote machine arch triplet)
  find_program(CROSS_CC_${machine} ${triplet}-gcc)
  if(NOT CROSS_CC_${machine})
    message(FATAL_ERROR "${triplet}-gcc not found; install gcc-${triplet}, or build without -DPLAY_ARM64=ON")
  endif()
  cross_sysroot(${arch} root)
  set(toolchain ${CMAKE_BINARY_DIR}/${triplet}.cmake)
  file(CONFIGURE OUTPUT ${toolchain} @ONLY CONTENT [[
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR @machine@)
set(CMAKE_C_COMPILER @triplet@-gcc)
set(CMAKE_SYSROOT @root@)
set(CMAKE_FIND_ROOT_PATH @root@)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE @triplet@)
set(ENV{PKG_CONFIG_SYSROOT_DIR} @root@)
set(ENV{PKG_CONFIG_LIBDIR} @root@/usr/lib/@triplet@/pkgconfig:@root@/usr/share/pkgconfig)
]])
  set(dir ${CMAKE_BINARY_DIR}/${machine})
  add_custom_target(play-remote-${machine} ALL
    COMMAND ${CMAKE_COMMAND} -G ${CMAKE_GENERATOR} -S ${CMAKE_SOURCE_DIR} -B ${dir} --toolchain ${toolchain}
      -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} -DPLAY_REMOTE_ONLY=ON > ${CMAKE_BINARY_DIR}/${machine}.log
    COMMAND ${CMAKE_COMMAND} --build ${dir} --target play-remote
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${dir}/bin/play-remote-${machine}
      ${CMAKE_BINARY_DIR}/bin/play-remote-${machine}
    COMMENT "Building play-remote for ${machine}" USES_TERMINAL VERBATIM)
  install(PROGRAMS ${CMAKE_BINARY_DIR}/bin/play-remote-${machine} TYPE BIN)
endfunction()

if(PLAY_ARM64)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    message(FATAL_ERROR "this machine is arm64: play-remote for it is built without -DPLAY_ARM64=ON")
  endif()
  cross_remote(aarch64 arm64 aarch64-linux-gnu)
endif()
