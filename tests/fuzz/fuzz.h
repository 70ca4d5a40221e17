/* What the fuzzers share. Each is one LLVMFuzzerTestOneInput; what must hold is KEEP. */
#ifndef KAL_FUZZ_H
#define KAL_FUZZ_H

#include "base/json.h"
#include "lua/host/host.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise is a crash, whatever the build's assertions do. */
#define KEEP(promise)                                                                              \
    do {                                                                                           \
        if (!(promise)) {                                                                          \
            fprintf(stderr, "%s:%d: not kept: %s\n", __FILE__, __LINE__, #promise);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline kal_str fuzz_text(const uint8_t *data, size_t size)
{
    return (kal_str){(const char *)data, size};
}

static inline kal_lua **fuzz_lua_slot(void)
{
    static kal_lua *lua;

    return &lua;
}

static inline void fuzz_lua_free(void)
{
    kal_lua_free(*fuzz_lua_slot());
}

/* The state of the working directory's home, made once and freed at the end: what it keeps in
 * Lua's own memory, the leak checker does not see. */
static inline kal_lua *fuzz_lua(void)
{
    kal_lua **lua = fuzz_lua_slot();
    kal_buf error = {0};

    if (*lua)
        return *lua;
    kal_plugins *plugins = kal_plugins_new(".", "", &error);
    *lua = kal_lua_new(".", plugins, &error);
    kal_plugins_free(plugins); /* nothing is adopted later */
    if (!*lua) {
        fprintf(stderr, "%s\n", error.data);
        abort();
    }
    atexit(fuzz_lua_free);
    return *lua;
}

#endif
