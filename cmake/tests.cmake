# ctest entries: a program per tests/unit/**/test_NAME.c, one entry per suite in another language.
# Label `server`: the test starts servers.

get_property(layers GLOBAL PROPERTY KAL_LAYERS)
list(JOIN layers "," layers)
set(KAL_TEST_ENVIRONMENT "KALCIFER_HOME=${CMAKE_SOURCE_DIR}")

function(kal_register name timeout labels)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "ENVIRONMENT")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${labels}"
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
        ENVIRONMENT "${KAL_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
    # Servers take memory and cores: one suite of them at a time.
    if("server" IN_LIST labels)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK server)
    endif()
endfunction()

# A program that may call into any layer that exists.
function(kal_over_layers name)
    add_executable(${name} ${ARGN})
    add_dependencies(${name} kal_gen)
    target_link_libraries(${name} PRIVATE kal_h2o)
    if(layers)
        target_link_libraries(${name} PRIVATE "$<LINK_GROUP:RESCAN,${layers}>")
    endif()
endfunction()

# Files beside the tests that are not tests help all of them.
file(GLOB_RECURSE helpers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/*.c")
set(programs ${helpers})
list(FILTER programs INCLUDE REGEX "/test_[^/]*$")
list(FILTER helpers EXCLUDE REGEX "/test_[^/]*$")

if(programs)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    add_library(kal_test_support OBJECT ${helpers})
    add_dependencies(kal_test_support kal_gen)
    target_include_directories(kal_test_support PUBLIC tests/unit)
    target_link_libraries(kal_test_support PUBLIC PkgConfig::CMOCKA PkgConfig::PQ PkgConfig::UV
        PkgConfig::JANSSON)
endif()
foreach(source IN LISTS programs)
    get_filename_component(name "${source}" NAME_WE)
    if(TARGET ${name})
        message(FATAL_ERROR "${source}: there is another ${name}")
    endif()
    kal_over_layers(${name} ${source})
    target_link_libraries(${name} PRIVATE kal_test_support)
    add_test(NAME ${name} COMMAND ${name})
    file(STRINGS "${source}" server REGEX "kal_cluster|initdb|pg_ctl" LIMIT_COUNT 1)
    if(server)
        kal_register(${name} 180 "unit;server")
    else()
        kal_register(${name} 60 "unit")
    endif()
endforeach()

# A module built with the address sanitizer needs its runtime in the Lua interpreter.
if(KAL_SANITIZE MATCHES "address")
    execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libasan.so
        OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
    set(lua_environment "KAL_PRELOAD=${runtime}")
endif()
file(GLOB specs CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/lua/*_spec.lua"
    "${CMAKE_SOURCE_DIR}/tests/nodes/*_spec.lua")
if(specs)
    add_test(NAME lua COMMAND "${CMAKE_SOURCE_DIR}/tests/run-busted" "${CMAKE_BINARY_DIR}/lua")
    kal_register(lua 180 "lua" ENVIRONMENT ${lua_environment})
endif()

if(TARGET kalcifer)
    add_test(NAME plugins COMMAND kalcifer node test)
    kal_register(plugins 60 "lua")
endif()

set(limit 900)
if(DEFINED ENV{KALCIFER_LONG})
    set(limit 5400) # scripts/test --long: full-size crash and property runs
endif()
# The API's tests wait more than they work: those by section of the spec run beside the others.
function(kal_pytest name files)
    file(GLOB cases CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}" ${files})
    list(FILTER cases EXCLUDE REGEX "${ARGN}")
    if(cases AND TARGET kalcifer)
        add_test(NAME ${name} COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
            --durations=10 ${cases})
        kal_register(${name} ${limit} "server"
            ENVIRONMENT "KALCIFER_BIN=$<TARGET_FILE:kalcifer>" PYTHONDONTWRITEBYTECODE=1)
        set_tests_properties(${name} PROPERTIES RESOURCE_LOCK "")
    endif()
endfunction()
kal_pytest(api_sections "${CMAKE_SOURCE_DIR}/tests/api/test_s[0-9]*.py" "^$")
kal_pytest(api "${CMAKE_SOURCE_DIR}/tests/api/test_*.py" "/test_s[0-9]")
kal_pytest(crash "${CMAKE_SOURCE_DIR}/tests/crash/test_*.py" "^$")
if(TEST crash)
    set_tests_properties(crash PROPERTIES RUN_SERIAL TRUE) # it measures what is overdue
endif()

# Load tools for scripts/bench: built on demand.
add_custom_target(bench_tools)
file(GLOB tools CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/bench/*.c")
foreach(source IN LISTS tools)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${name} PRIVATE kal_lua kal_h2o PkgConfig::UV PkgConfig::PQ
        PkgConfig::JANSSON Threads::Threads m)
    add_dependencies(bench_tools ${name})
endforeach()

# Fuzzers, for the fuzz preset.
add_custom_target(fuzzers)
if(KAL_FUZZ)
    file(GLOB fuzzers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c")
    foreach(source IN LISTS fuzzers)
        get_filename_component(name "${source}" NAME_WE)
        kal_over_layers(${name} ${source})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzzers ${name})
    endforeach()
endif()
