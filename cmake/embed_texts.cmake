# Run by the build: cmake -DKIND=statements|migrations|schemas|pages|templates -DFROM=folder
# -DGEN=folder -P embed_texts.cmake
# Texts are only ever quoted strings here: as list elements their ; [ ] would be lost.
cmake_minimum_required(VERSION 3.24)

# The file as adjacent C string literals, one per line.
function(c_literal file result)
    file(READ "${file}" text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "??" "?\\?" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(${result} "    \"${text}\"" PARENT_SCOPE)
endfunction()

function(emit path text)
    file(WRITE "${GEN}/${path}"
        "/* Generated from ${FROM}; do not edit. */\n${text}")
endfunction()

# texts(files ONE layer MANY): layer/MANY.h and MANY.c with an enum kal_ONE of the files, each with
# its name and text. A KAL_ONE_NONE goes before them when a fourth argument says so.
function(texts files one layer many)
    string(TOUPPER "${one}" prefix)
    string(TOUPPER "${layer}_${many}" guard)
    if(ARGC GREATER 4)
        set(enum "    KAL_${prefix}_NONE,\n")
    endif()
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME_WE)
        string(TOUPPER "${name}" upper)
        c_literal("${file}" text)
        string(APPEND enum "    KAL_${prefix}_${upper},\n")
        string(APPEND names "    [KAL_${prefix}_${upper}] = \"${name}\",\n")
        string(APPEND texts "    [KAL_${prefix}_${upper}] =\n${text},\n")
    endforeach()
    emit(${layer}/${many}.h "#ifndef KAL_${guard}_H
#define KAL_${guard}_H

typedef enum kal_${one} {
${enum}    KAL_${prefix}_COUNT
} kal_${one};

/* The file's name without its ending, and its text. */
const char *kal_${one}_name(kal_${one} ${one});
const char *kal_${one}_text(kal_${one} ${one});

#endif
")
    emit(${many}.c "#include \"${layer}/${many}.h\"

#include <stddef.h>

static const char *const names[KAL_${prefix}_COUNT + 1] = {
${names}    [KAL_${prefix}_COUNT] = NULL,
};

static const char *const texts[KAL_${prefix}_COUNT + 1] = {
${texts}    [KAL_${prefix}_COUNT] = NULL,
};

const char *kal_${one}_name(kal_${one} ${one})
{
    return names[${one}];
}

const char *kal_${one}_text(kal_${one} ${one})
{
    return texts[${one}];
}
")
endfunction()

# What is no JSON stops the build.
function(check_json files)
    foreach(file IN LISTS files)
        file(READ "${file}" text)
        string(JSON type ERROR_VARIABLE problem TYPE "${text}")
        if(NOT type STREQUAL "OBJECT")
            message(FATAL_ERROR "${file}: no JSON object: ${problem}")
        endif()
    endforeach()
endfunction()

function(migrations)
    file(GLOB files "${FROM}/*.sql")
    set(count 0)
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME_WE)
        if(NOT name MATCHES "^0*([1-9][0-9]*)_")
            message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
        endif()
        set(number "${CMAKE_MATCH_1}")
        c_literal("${file}" text)
        string(APPEND rows "    {${number}, \"${name}\",\n${text}},\n")
        math(EXPR count "${count} + 1")
    endforeach()
    emit(store/migrations.h "#ifndef KAL_STORE_MIGRATIONS_H
#define KAL_STORE_MIGRATIONS_H

#include <stddef.h>

typedef struct kal_migration {
    int number;
    const char *name; /* the file's name without .sql */
    const char *text;
} kal_migration;

/* In order of their numbers; the element after the last is empty. */
extern const kal_migration kal_migrations[];
extern const size_t kal_migrations_count;

#endif
")
    emit(migrations.c "#include \"store/migrations.h\"

const kal_migration kal_migrations[] = {
${rows}    {0, NULL, NULL},
};

const size_t kal_migrations_count = ${count};
")
endfunction()

if(KIND STREQUAL "statements")
    file(GLOB files "${FROM}/*.sql")
    texts("${files}" sql store statements)
elseif(KIND STREQUAL "migrations")
    migrations()
elseif(KIND STREQUAL "schemas")
    file(GLOB files "${FROM}/*.json")
    check_json("${files}")
    texts("${files}" schema api schemas NONE)
elseif(KIND STREQUAL "pages")
    file(GLOB files "${FROM}/*.html")
    texts("${files}" page api pages)
elseif(KIND STREQUAL "templates")
    file(GLOB files "${FROM}/*.lua")
    texts("${files}" template api templates)
else()
    message(FATAL_ERROR "unknown KIND '${KIND}'")
endif()
