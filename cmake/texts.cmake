# Text files compiled in: gen/LAYER/KIND.h and gen/KIND.c each.

# kal_embed(KIND layer folder ending)
function(kal_embed kind layer folder ending)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.${ending}")
    set(gen "${CMAKE_BINARY_DIR}/gen")
    # Rewritten when a file comes or goes, which the files' own times do not tell.
    file(CONFIGURE OUTPUT "${gen}/${kind}.list" CONTENT "${files}\n" @ONLY)
    set(outputs "${gen}/${layer}/${kind}.h" "${gen}/${kind}.c")
    add_custom_command(OUTPUT ${outputs}
        COMMAND "${CMAKE_COMMAND}" "-DKIND=${kind}" "-DFROM=${CMAKE_SOURCE_DIR}/${folder}"
            "-DGEN=${gen}" -P "${CMAKE_SOURCE_DIR}/cmake/embed_texts.cmake"
        DEPENDS ${files} "${gen}/${kind}.list" "${CMAKE_SOURCE_DIR}/cmake/embed_texts.cmake"
        COMMENT "Embedding ${folder}" VERBATIM)
    string(TOUPPER "${layer}" upper)
    set(KAL_${upper}_TEXTS ${KAL_${upper}_TEXTS} ${outputs} PARENT_SCOPE)
endfunction()

macro(kal_embed_texts)
    kal_embed(statements store engine/store/queries sql)
    kal_embed(migrations store engine/store/migrations sql)
    kal_embed(schemas api api/schemas json)
    kal_embed(pages api api/pages html)
    kal_embed(templates api api/templates lua)
    add_custom_target(kal_gen DEPENDS ${KAL_STORE_TEXTS} ${KAL_API_TEXTS})
endmacro()
