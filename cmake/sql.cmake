# SQL files compiled in: gen/store/{statements,migrations}.h and gen/{statements,migrations}.c.

function(kal_embed kind folder)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.sql")
    set(gen "${CMAKE_BINARY_DIR}/gen")
    # Rewritten when a file comes or goes, which the files' own times do not tell.
    file(CONFIGURE OUTPUT "${gen}/${kind}.list" CONTENT "${files}\n" @ONLY)
    set(outputs "${gen}/store/${kind}.h" "${gen}/${kind}.c")
    add_custom_command(OUTPUT ${outputs}
        COMMAND "${CMAKE_COMMAND}" "-DKIND=${kind}" "-DFROM=${CMAKE_SOURCE_DIR}/${folder}"
            "-DGEN=${gen}" -P "${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake"
        DEPENDS ${files} "${gen}/${kind}.list" "${CMAKE_SOURCE_DIR}/cmake/embed_sql.cmake"
        COMMENT "Embedding ${folder}" VERBATIM)
    set(KAL_SQL_SOURCES ${KAL_SQL_SOURCES} ${outputs} PARENT_SCOPE)
endfunction()

macro(kal_embed_sql)
    kal_embed(statements engine/store/queries)
    kal_embed(migrations engine/store/migrations)
    add_custom_target(kal_gen DEPENDS ${KAL_SQL_SOURCES})
endmacro()
