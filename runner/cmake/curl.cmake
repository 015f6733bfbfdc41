# Target curl_static: libcurl with HTTP and HTTPS only, on mbedTLS and c-ares, for `play` and for the static play-remote.
# Distributions build libcurl against a dozen libraries that cannot be linked statically, so it is built here, once, from
# the distribution's own source package. The package comes through apt with the signatures of the machine's own sources;
# it and the result are kept in a cache outside the tree: $PLAY_CACHE, else $XDG_CACHE_HOME, else ~/.cache.
# -DPLAY_CURL_SOURCE=<dir> builds from an unpacked tree instead.
set(PLAY_CURL_SOURCE "" CACHE PATH "Unpacked curl source tree to use instead of the distribution's source package")

if(DEFINED ENV{PLAY_CACHE})
  set(play_cache $ENV{PLAY_CACHE}/play-build)
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(play_cache $ENV{XDG_CACHE_HOME}/play-build)
elseif(DEFINED ENV{HOME})
  set(play_cache $ENV{HOME}/.cache/play-build)
else()
  set(play_cache ${CMAKE_BINARY_DIR}/play-build)
endif()

# curl_sources(<dir>): the machine's apt sources, asking for source packages, written to <dir>.
function(curl_sources dir)
  file(REMOVE_RECURSE ${dir})
  file(MAKE_DIRECTORY ${dir})
  execute_process(COMMAND apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d
    OUTPUT_VARIABLE out RESULT_VARIABLE rc ERROR_QUIET)
  if(NOT rc EQUAL 0)
    return()
  endif()
  string(REGEX MATCH "list='([^']*)'" _ "${out}")
  set(files ${CMAKE_MATCH_1})
  string(REGEX MATCH "parts='([^']*)'" _ "${out}")
  file(GLOB more ${CMAKE_MATCH_1}/*.list ${CMAKE_MATCH_1}/*.sources)
  foreach(f ${files} ${more})
    if(NOT EXISTS ${f})
      continue()
    endif()
    get_filename_component(name ${f} NAME)
    file(READ ${f} text)
    if(name MATCHES "\\.sources$")
      string(REGEX REPLACE "(^|\n)[Tt]ypes:[^\n]*" "\\1Types: deb-src" text "${text}")
    else()
      string(REGEX REPLACE "(^|\n)[ \t]*deb([ \t])" "\\1deb-src\\2" text "${text}")
    endif()
    file(WRITE ${dir}/${name} "${text}")
  endforeach()
endfunction()

# curl_apt(<work>): writes <work>/apt.conf, which keeps everything apt writes below <work>, and updates the lists.
function(curl_apt work)
  curl_sources(${work}/sources)
  file(MAKE_DIRECTORY ${work}/lists/partial ${work}/cache/archives/partial)
  file(WRITE ${work}/apt.conf "Dir::Etc::sourcelist \"/dev/null\";
Dir::Etc::sourceparts \"${work}/sources\";
Dir::State::lists \"${work}/lists\";
Dir::Cache \"${work}/cache\";
APT::Sandbox::User \"\";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
")
  # Other repositories may have no source packages: what matters is whether curl's is found afterwards.
  execute_process(COMMAND ${CMAKE_COMMAND} -E env APT_CONFIG=${work}/apt.conf apt-get -q update
    OUTPUT_QUIET ERROR_QUIET TIMEOUT 300)
endfunction()

# curl_upstream(<work> <dir>): the original tarball alone, for when the packaging files cannot be had.
function(curl_upstream work dir)
  set(apt ${CMAKE_COMMAND} -E env APT_CONFIG=${work}/apt.conf)
  execute_process(COMMAND ${apt} apt-get -q --print-uris --only-source source curl OUTPUT_VARIABLE uris ERROR_QUIET)
  string(REGEX MATCH "'([^']*)' (curl_[^ ]*\\.orig\\.tar\\.[a-z0-9]*) [0-9]+ (SHA256:[0-9a-f]*)" found "${uris}")
  if(NOT found)
    return()
  endif()
  set(tarball ${work}/${CMAKE_MATCH_2})
  execute_process(COMMAND ${apt} /usr/lib/apt/apt-helper download-file ${CMAKE_MATCH_1} ${tarball} ${CMAKE_MATCH_3}
    RESULT_VARIABLE rc OUTPUT_QUIET ERROR_QUIET TIMEOUT 300)
  if(rc EQUAL 0)
    file(ARCHIVE_EXTRACT INPUT ${tarball} DESTINATION ${dir})
  endif()
endfunction()

# curl_fetch(<out>): the unpacked source tree, from the cache or through apt. Empty when there is none.
function(curl_fetch out)
  file(GLOB trees ${play_cache}/curl-source/curl-*)
  if(NOT trees)
    find_program(APT_GET apt-get)
    if(NOT APT_GET)
      set(${out} "" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "curl: fetching the source package")
    set(work ${play_cache}/curl-work)
    file(REMOVE_RECURSE ${work})
    curl_apt(${work})
    file(MAKE_DIRECTORY ${work}/tree)
    execute_process(COMMAND ${CMAKE_COMMAND} -E env APT_CONFIG=${work}/apt.conf apt-get -q --only-source source curl
      WORKING_DIRECTORY ${work}/tree RESULT_VARIABLE rc OUTPUT_QUIET ERROR_QUIET TIMEOUT 300)
    if(NOT rc EQUAL 0)
      file(REMOVE_RECURSE ${work}/tree)
      curl_upstream(${work} ${work}/tree)
    endif()
    file(GLOB trees LIST_DIRECTORIES true ${work}/tree/curl-*/CMakeLists.txt)
    if(trees)
      list(GET trees 0 tree)
      get_filename_component(tree ${tree} DIRECTORY)
      get_filename_component(name ${tree} NAME)
      file(MAKE_DIRECTORY ${play_cache}/curl-source)
      file(RENAME ${tree} ${play_cache}/curl-source/${name})
    endif()
    file(REMOVE_RECURSE ${work})
    file(GLOB trees ${play_cache}/curl-source/curl-*)
  endif()
  if(trees)
    list(GET trees 0 trees)
  endif()
  set(${out} "${trees}" PARENT_SCOPE)
endfunction()

# curl_build(<source> <prefix> <compiler>): configures, builds and installs libcurl.a and its headers.
function(curl_build source prefix compiler)
  set(build ${prefix}.build)
  file(REMOVE_RECURSE ${build} ${prefix}.tmp)
  file(MAKE_DIRECTORY ${build})
  set(off BUILD_SHARED_LIBS BUILD_CURL_EXE BUILD_TESTING CURL_USE_OPENSSL CURL_BROTLI CURL_ZSTD USE_NGHTTP2
    CURL_USE_LIBSSH2 CURL_USE_LIBSSH CURL_USE_LIBPSL USE_LIBIDN2 CURL_USE_GSSAPI ENABLE_MANUAL ENABLE_THREADED_RESOLVER
    HAVE_GETPWUID HAVE_GETPWUID_R)
  set(on HTTP_ONLY ENABLE_ARES CURL_USE_MBEDTLS ENABLE_UNIX_SOCKETS CURL_ZLIB CMAKE_POSITION_INDEPENDENT_CODE)
  list(TRANSFORM off PREPEND -D)
  list(TRANSFORM off APPEND =OFF)
  list(TRANSFORM on PREPEND -D)
  list(TRANSFORM on APPEND =ON)
  if(CMAKE_TOOLCHAIN_FILE)
    list(APPEND on -DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE})
  endif()
  message(STATUS "curl: building ${source}")
  execute_process(COMMAND ${CMAKE_COMMAND} -G ${CMAKE_GENERATOR} -S ${source} -B ${build} ${off} ${on}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=${compiler} -DCMAKE_C_COMPILER_LAUNCHER=${CCACHE}
    "-DCMAKE_C_FLAGS=-ffunction-sections -fdata-sections" -DCMAKE_INSTALL_PREFIX=${prefix}.tmp
    -DCMAKE_INSTALL_LIBDIR=lib -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none
    OUTPUT_FILE ${build}/configure.log ERROR_FILE ${build}/configure.log RESULT_VARIABLE rc)
  if(rc EQUAL 0)
    execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --target install --parallel 2
      OUTPUT_FILE ${build}/build.log ERROR_FILE ${build}/build.log RESULT_VARIABLE rc)
  endif()
  if(NOT rc EQUAL 0)
    message(FATAL_ERROR "curl: the static libcurl does not build; see the logs in ${build}")
  endif()
  file(REMOVE_RECURSE ${prefix} ${build})
  file(RENAME ${prefix}.tmp ${prefix})
endfunction()

# curl_static_target(): defines the target, building what is missing. One configuration at a time uses the cache.
function(curl_static_target)
  foreach(lib cares mbedtls mbedx509 mbedcrypto z)
    find_library(CURL_DEP_${lib} lib${lib}.a)
    if(NOT CURL_DEP_${lib})
      message(FATAL_ERROR "curl: lib${lib}.a not found; install libmbedtls-dev, libc-ares-dev and zlib1g-dev")
    endif()
    list(APPEND deps ${CURL_DEP_${lib}})
  endforeach()
  file(MAKE_DIRECTORY ${play_cache})
  file(LOCK ${play_cache}/curl.lock GUARD FUNCTION TIMEOUT 900)
  set(source "${PLAY_CURL_SOURCE}")
  if(NOT source)
    curl_fetch(source)
  endif()
  if(NOT EXISTS "${source}/include/curl/curlver.h")
    message(FATAL_ERROR "curl: its source package could not be fetched through apt (offline, or the apt sources have "
      "none) and ${play_cache}/curl-source holds none; give an unpacked tree with -DPLAY_CURL_SOURCE=<dir>")
  endif()
  file(STRINGS ${source}/include/curl/curlver.h version REGEX "define LIBCURL_VERSION \"")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
  file(SHA256 ${CMAKE_CURRENT_FUNCTION_LIST_FILE} recipe)
  set(compiler ${CMAKE_C_COMPILER})
  find_program(PLAY_SYSTEM_CC cc)
  if(NOT CMAKE_TOOLCHAIN_FILE AND PLAY_SYSTEM_CC)
    set(compiler ${PLAY_SYSTEM_CC})  # one library for the builds by gcc and by clang
  endif()
  execute_process(COMMAND ${compiler} --version OUTPUT_VARIABLE compiler_version ERROR_QUIET)
  string(SHA256 key "${recipe} ${source} ${compiler} ${compiler_version} ${CMAKE_SYSROOT}")
  string(SUBSTRING ${key} 0 12 key)
  set(prefix ${play_cache}/curl-${version}-${key})
  if(NOT EXISTS ${prefix}/lib/libcurl.a)
    curl_build(${source} ${prefix} ${compiler})
  endif()
  add_library(curl_static INTERFACE)
  target_include_directories(curl_static SYSTEM INTERFACE ${prefix}/include)
  target_compile_definitions(curl_static INTERFACE CURL_STATICLIB)
  target_link_libraries(curl_static INTERFACE ${prefix}/lib/libcurl.a ${deps})
endfunction()

curl_static_target()
