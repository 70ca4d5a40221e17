/* JSON through C and through a Lua state: written, it reads back equal. */
#include "fuzz.h"

static void check_text(const json_t *value)
{
    char error[160];
    kal_buf out = {0};

    kal_json_write(&out, value);
    json_t *again = kal_json_parse((kal_str){out.data, out.len}, error);
    KEEP(again && kal_json_equal(value, again));
    json_decref(again);
    kal_buf_deinit(&out);
}

/* An instance's `accumulated` goes into the state and comes out of it at each burst. */
static void check_crossing(kal_str text, const json_t *value)
{
    kal_lua *lua = fuzz_lua();
    kal_lua_ref context;
    char error[160];
    kal_buf out = {0};

    if (kal_lua_context_new(lua, kal_str_of("{}"), text, &context) != KAL_OK)
        return;
    if (kal_lua_context_accumulated(lua, context, &out) == KAL_OK) {
        json_t *again = kal_json_parse((kal_str){out.data, out.len}, error);
        KEEP(again && kal_json_equal(value, again));
        json_decref(again);
    }
    kal_lua_unref(lua, context);
    kal_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[160];
    kal_str text = fuzz_text(data, size);
    json_t *value = kal_json_parse(text, error);

    if (!value)
        return 0;
    check_text(value);
    if (json_is_object(value))
        check_crossing(text, value);
    json_decref(value);
    return 0;
}
