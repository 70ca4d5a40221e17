# What every C file of the tree is compiled with.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
endif()

find_program(KAL_CCACHE ccache)
if(KAL_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${KAL_CCACHE}")
endif()

set(KAL_SANITIZE "" CACHE STRING "sanitizers to build with, as for -fsanitize=")
if(KAL_SANITIZE)
    add_compile_options(-fsanitize=${KAL_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${KAL_SANITIZE})
    # Lua's errors unwind C frames: the thread sanitizer must see them go, or its call stack grows.
    if(KAL_SANITIZE MATCHES "thread")
        add_compile_options(-fexceptions)
    endif()
endif()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes)
# Fuzzers are built by another compiler, whose warnings are not ours.
option(KAL_FUZZ "build tests/fuzz/fuzz_*.c (clang)" OFF)
if(NOT KAL_FUZZ)
    add_compile_options(-Werror)
endif()
include_directories("${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/engine" "${CMAKE_BINARY_DIR}/gen")
