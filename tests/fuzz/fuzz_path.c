/* What a request line brings: a method and a path for the router, percent escapes, cursors, names
 * of customers. The first byte chooses the method. */
#include "api/cursor.h"
#include "api/read.h"
#include "api/router.h"

#include "fuzz.h"

#include <string.h>

static void check_route(const char *method, kal_str path)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);
    kal_route_match match = {0};
    kal_buf allow = {0};

    kal_err err = kal_router_match(routes, count, kal_str_of(method), path, &match, &allow);
    KEEP(err == KAL_OK || err == KAL_ERR_NOT_FOUND || err == KAL_ERR_METHOD_NOT_ALLOWED);
    KEEP((err == KAL_ERR_METHOD_NOT_ALLOWED) == (allow.len > 0));
    for (size_t i = 0; err == KAL_OK && i < KAL_ROUTE_PARAMS && match.params[i].p; i++)
        KEEP(match.params[i].p >= path.p && match.params[i].n > 0 &&
             match.params[i].p + match.params[i].n <= path.p + path.n);
    kal_buf_deinit(&allow);
}

static void check_decode(kal_str text)
{
    char *copy = malloc(text.n + 1);
    size_t len = text.n;

    memcpy(copy, text.p, text.n);
    bool whole = kal_percent_decode(copy, &len, true);
    KEEP(!whole || len <= text.n);
    KEEP(whole || memchr(text.p, '%', text.n));
    free(copy);
}

static void check_cursor(kal_str text)
{
    char space[KAL_CURSOR_MAX];
    kal_str key;
    kal_buf out = {0};

    if (!kal_cursor_read(text, space, &key))
        return;
    KEEP(key.n <= KAL_CURSOR_MAX);
    kal_cursor_write(&out, key);
    KEEP(out.len == text.n && memcmp(out.data, text.p, text.n) == 0);
    kal_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", ""};
    kal_value id, external;

    if (size == 0)
        return 0;
    kal_str text = fuzz_text(data + 1, size - 1);
    check_route(methods[data[0] % (sizeof(methods) / sizeof(methods[0]))], text);
    check_decode(text);
    check_cursor(text);
    if (kal_customer_ref(text, &id, &external))
        KEEP(id.null != external.null);
    return 0;
}
