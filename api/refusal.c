#include "api/refusal.h"

#include "api/linger.h"
#include "base/err.h"
#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

typedef struct refusal {
    h2o_ostream_t super;
    h2o_iovec_t body;
} refusal;

/* Sends our body in place of h2o's, which has none for a HEAD. */
static void on_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                    h2o_send_state_t state)
{
    refusal *r = (refusal *)(void *)self;

    (void)bufs, (void)state;
    h2o_ostream_send_next(self, req, &r->body, count, H2O_SEND_STATE_FINAL);
}

static void on_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    char text[256], id[KAL_UUID_TEXT + 1];
    kal_err err = req->res.status == 413 ? KAL_ERR_TOO_LARGE : KAL_ERR_BAD_REQUEST;
    int n = snprintf(text, sizeof(text), "{\"error\":\"%s\",\"message\":\"%s\"}", kal_err_code(err),
                     kal_err_text(err));

    (void)self;
    kal_linger_add(req, slot);
    refusal *r = (refusal *)(void *)h2o_add_ostream(req, sizeof(*r), slot);
    r->super.do_send = on_send;
    r->body = h2o_strdup(&req->pool, text, (size_t)n);
    kal_uuid_format(kal_uuid_new(0), id);
    h2o_iovec_t copy = h2o_strdup(&req->pool, id, KAL_UUID_TEXT);
    h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                   H2O_STRLIT("application/json"), 1);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 1, NULL,
                          copy.base, copy.len);
    req->res.content_length = r->body.len;
}

void kal_refusal_register(h2o_hostconf_t *host)
{
    h2o_filter_t *filter = h2o_create_filter(&host->fallback_path, sizeof(*filter));

    filter->on_setup_ostream = on_setup;
}
