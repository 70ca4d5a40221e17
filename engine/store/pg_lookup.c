#include "store/pg_lookup.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kal_pg_lookup {
    uv_getaddrinfo_t request;
    char *host;
    kal_pg_lookup_cb done; /* NULL: stopped */
    void *data;
};

static bool is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return host && *host && *host != '/' && *host != '@' && !strchr(host, ',') &&
           inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

/* The one name to ask for, the caller's to free; NULL when there is none. */
static char *name_of(const char *conninfo)
{
    const char *host = NULL;
    const char *address = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    for (const PQconninfoOption *o = options; o && o->keyword; o++) {
        if (strcmp(o->keyword, "host") == 0)
            host = o->val;
        if (strcmp(o->keyword, "hostaddr") == 0)
            address = o->val;
    }
    if (options && !host)
        host = getenv("PGHOST");
    char *name = is_name(host) && !(address && *address) ? kal_strdup(host) : NULL;
    PQconninfoFree(options);
    return name;
}

static void add(kal_buf *list, const char *item)
{
    if (list->len)
        kal_buf_putc(list, ',');
    kal_buf_puts(list, item);
}

static void tell(const kal_pg_lookup *lookup, int status, const struct addrinfo *found)
{
    kal_buf hosts = {0};
    kal_buf addresses = {0};
    kal_buf error = {0};
    char address[INET6_ADDRSTRLEN];
    for (const struct addrinfo *a = found; a; a = a->ai_next) {
        if (uv_ip_name(a->ai_addr, address, sizeof address) != 0)
            continue;
        add(&addresses, address);
        add(&hosts, lookup->host);
    }
    if (!addresses.len)
        kal_buf_printf(&error, "the host name %s has no address: %s", lookup->host,
                       uv_strerror(status ? status : UV_EAI_NONAME));
    lookup->done(lookup->data, hosts.data, addresses.data, error.data);
    kal_buf_deinit(&hosts);
    kal_buf_deinit(&addresses);
    kal_buf_deinit(&error);
}

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    kal_pg_lookup *lookup = request->data;
    if (lookup->done)
        tell(lookup, status, found);
    uv_freeaddrinfo(found);
    kal_free(lookup->host);
    kal_free(lookup);
}

kal_pg_lookup *kal_pg_lookup_start(uv_loop_t *loop, const char *conninfo, kal_pg_lookup_cb done,
                                   void *data)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char *host = name_of(conninfo);
    if (!host)
        return NULL;
    kal_pg_lookup *lookup = kal_calloc(1, sizeof *lookup);
    *lookup = (kal_pg_lookup){.host = host, .done = done, .data = data};
    lookup->request.data = lookup;
    if (uv_getaddrinfo(loop, &lookup->request, on_answer, host, NULL, &hints) == 0)
        return lookup;
    kal_free(host); /* longer than a name may be: libpq says so without asking */
    kal_free(lookup);
    return NULL;
}

void kal_pg_lookup_stop(kal_pg_lookup *lookup)
{
    if (!lookup)
        return;
    lookup->done = NULL;
    uv_cancel((uv_req_t *)&lookup->request);
}
