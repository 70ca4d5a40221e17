/* Expressions of conditions and exit criteria: what does not compile says so, what does is
 * evaluated to a truth or to a sentence. */
#include "fuzz.h"

static const char context_text[] =
    "{\"plan\":\"pro\",\"n\":3,\"big\":9007199254740993,\"list\":[1,\"a\",null],\"none\":null,"
    "\"_customer\":{\"email\":\"a@b.example\",\"tags\":[\"vip\"]}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kal_lua *lua = fuzz_lua();
    kal_str text = fuzz_text(data, size);
    kal_buf error = {0};
    kal_lua_ref context = KAL_LUA_NONE;
    bool truth;

    bool compiles = kal_lua_expression_ok(lua, text, &error);
    KEEP(compiles || error.len > 0);
    kal_buf_clear(&error);
    kal_err made = kal_lua_context_new(lua, kal_str_of(context_text),
                                       kal_str_of("{\"a\":{\"b\":1}}"), &context);
    KEEP(made == KAL_OK);
    kal_err err = kal_lua_truth(lua, text, context, NULL, 1767225600000, &truth, &error);
    KEEP(err == KAL_OK || (err == KAL_ERR_VALIDATION_FAILED && error.len > 0));
    KEEP(compiles || err != KAL_OK);
    kal_lua_unref(lua, context);
    kal_buf_deinit(&error);
    return 0;
}
