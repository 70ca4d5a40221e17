#include "api/router.h"

#include <string.h>

#define FLOWS "/api/v1/flows"
#define JOURNEYS "/api/v1/journeys"

static bool fits(const char *pattern, kal_str path, kal_str params[KAL_ROUTE_PARAMS])
{
    size_t at = 0, n = 0;

    while (*pattern) {
        if (*pattern != ':') {
            if (at == path.n || path.p[at] != *pattern)
                return false;
            at++;
            pattern++;
            continue;
        }
        size_t begin = at;
        while (at < path.n && path.p[at] != '/')
            at++;
        if (at == begin || n == KAL_ROUTE_PARAMS)
            return false;
        params[n++] = (kal_str){path.p + begin, at - begin};
        while (*pattern && *pattern != '/')
            pattern++;
    }
    return at == path.n;
}

static void add_method(kal_buf *allow, const char *method)
{
    if (allow->len)
        kal_buf_puts(allow, ", ");
    kal_buf_puts(allow, method);
    if (strcmp(method, "GET") == 0)
        kal_buf_puts(allow, ", HEAD");
}

/* Matches the rest of the path with the patterns that go on below `base`, from there. */
static const kal_route *find(const kal_route *routes, size_t count, kal_str method, kal_str path,
                             const char *base, kal_str params[KAL_ROUTE_PARAMS], kal_buf *allow)
{
    size_t n = strlen(base);

    for (size_t i = 0; i < count; i++) {
        const char *pattern = routes[i].pattern;
        if (strncmp(pattern, base, n) != 0 || !fits(pattern + n, path, params))
            continue;
        if (kal_str_is(method, routes[i].method))
            return &routes[i];
        add_method(allow, routes[i].method);
    }
    return NULL;
}

const char *kal_router_below_journey(const char *pattern)
{
    size_t n = sizeof(FLOWS) - 1;

    if (strncmp(pattern, FLOWS "/", n + 1) != 0 || !strchr(pattern + n + 1, '/'))
        return NULL;
    return pattern + n;
}

/* Takes "/api/v1/journeys" off a path that goes on behind a journey's id. */
static bool below_journey(kal_str *path)
{
    size_t n = sizeof(JOURNEYS) - 1;

    if (path->n <= n + 1 || memcmp(path->p, JOURNEYS "/", n + 1) != 0 ||
        !memchr(path->p + n + 1, '/', path->n - n - 1))
        return false;
    path->p += n;
    path->n -= n;
    return true;
}

kal_err kal_router_match(const kal_route *routes, size_t count, kal_str method, kal_str path,
                         kal_route_match *out, kal_buf *allow)
{
    size_t before = allow->len;

    if (path.n > KAL_PATH_MAX)
        return KAL_ERR_NOT_FOUND;
    if (kal_str_is(method, "HEAD"))
        method = kal_str_of("GET");
    out->route = find(routes, count, method, path, "", out->params, allow);
    out->below_journey = below_journey(&path);
    if (!out->route && out->below_journey)
        out->route = find(routes, count, method, path, FLOWS, out->params, allow);
    if (!out->route)
        return allow->len == before ? KAL_ERR_NOT_FOUND : KAL_ERR_METHOD_NOT_ALLOWED;
    allow->len = before;
    return KAL_OK;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool kal_percent_decode(char *text, size_t *len, bool plus_is_space)
{
    size_t to = 0;

    for (size_t i = 0; i < *len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < *len ? hex(text[i + 1]) : -1;
            int low = high >= 0 ? hex(text[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        text[to++] = c;
    }
    *len = to;
    return true;
}
