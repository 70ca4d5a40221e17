# Run by the build: cmake -DKIND=statements|migrations -DFROM=folder -DGEN=folder -P embed_sql.cmake
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
        "/* Generated from the SQL files of engine/store; do not edit. */\n${text}")
endfunction()

function(statements)
    file(GLOB files "${FROM}/*.sql")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME_WE)
        string(TOUPPER "${name}" upper)
        c_literal("${file}" text)
        string(APPEND enum "    KAL_SQL_${upper},\n")
        string(APPEND names "    [KAL_SQL_${upper}] = \"${name}\",\n")
        string(APPEND texts "    [KAL_SQL_${upper}] =\n${text},\n")
    endforeach()
    emit(store/statements.h "#ifndef KAL_STORE_STATEMENTS_H
#define KAL_STORE_STATEMENTS_H

typedef enum kal_sql {
${enum}    KAL_SQL_COUNT
} kal_sql;

/* The file's name without .sql, and its text. */
const char *kal_sql_name(kal_sql sql);
const char *kal_sql_text(kal_sql sql);

#endif
")
    emit(statements.c "#include \"store/statements.h\"

#include <stddef.h>

static const char *const names[KAL_SQL_COUNT + 1] = {
${names}    [KAL_SQL_COUNT] = NULL,
};

static const char *const texts[KAL_SQL_COUNT + 1] = {
${texts}    [KAL_SQL_COUNT] = NULL,
};

const char *kal_sql_name(kal_sql sql)
{
    return names[sql];
}

const char *kal_sql_text(kal_sql sql)
{
    return texts[sql];
}
")
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
    statements()
elseif(KIND STREQUAL "migrations")
    migrations()
else()
    message(FATAL_ERROR "KIND is statements or migrations, not '${KIND}'")
endif()
