/* GET /openapi.json and the page that shows it. */
#include "api/openapi.h"
#include "api/pages.h"
#include "api/reply.h"
#include "api/routes/routes.h"

#include <inttypes.h>
#include <stdio.h>

/* What the page may do: run what it came with, ask its own server. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "                  \
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "                     \
    "frame-ancestors 'none'"

/* Answers with a text that changes rarely: asked again, it is 304. */
static void reply_known(kal_request *request, const char *type, kal_str text)
{
    char tag[24];

    snprintf(tag, sizeof(tag), "\"%016" PRIx64 "\"", kal_str_hash(text));
    kal_str known = kal_request_header(request, H2O_TOKEN_IF_NONE_MATCH);
    kal_reply_header(request, "etag", tag);
    kal_reply_header(request, "cache-control", "no-cache");
    if (kal_str_is(known, tag))
        kal_reply_typed(request, 304, type, "", 0);
    else
        kal_reply_typed(request, 200, type, text.p, text.n);
}

/* Made anew when the node types have changed. */
void kal_route_openapi(kal_request *request)
{
    kal_buf *text = &request->thread->document;
    size_t count;
    const kal_route *routes = kal_routes(&count);
    kal_lua *lua = kal_engine_lua(request->thread->engine);

    if (text->len == 0 || request->thread->document_of != kal_lua_adoptions(lua)) {
        json_t *types = kal_lua_types(lua);
        kal_buf_clear(text);
        request->thread->document_of = kal_lua_adoptions(lua);
        json_t *made = kal_openapi_new(routes, count, types, request->thread->api->version);
        kal_json_write(text, made);
        json_decref(made);
        json_decref(types);
    }
    reply_known(request, "application/json", (kal_str){text->data, text->len});
}

void kal_route_docs(kal_request *request)
{
    kal_reply_header(request, "content-security-policy", PAGE_POLICY);
    kal_reply_header(request, "x-content-type-options", "nosniff");
    reply_known(request, "text/html; charset=utf-8", kal_str_of(kal_page_text(KAL_PAGE_DOCS)));
}
