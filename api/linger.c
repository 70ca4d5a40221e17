#include "api/linger.h"

#include <stdbool.h>
#include <sys/socket.h>

#define MOST_BYTES ((size_t)64 << 20)

typedef struct closing {
    h2o_ostream_t super;
    h2o_timeout_entry_t deadline;
    h2o_req_t *http;
    size_t left; /* bytes that may still come */
    bool sent;
} closing;

static h2o_socket_t *socket_of(h2o_req_t *http)
{
    return http->conn->callbacks->get_socket(http->conn);
}

/* The end of the answer, which h2o has waited for: it closes the connection. */
static void end(closing *c)
{
    h2o_timeout_unlink(&c->deadline);
    h2o_socket_read_stop(socket_of(c->http));
    h2o_ostream_send_next(&c->super, c->http, NULL, 0, H2O_SEND_STATE_FINAL);
}

static void on_deadline(h2o_timeout_entry_t *entry)
{
    end(H2O_STRUCT_FROM_MEMBER(closing, deadline, entry));
}

static void on_read(h2o_socket_t *socket, const char *err)
{
    closing *c = socket->on_close.data;
    size_t n = socket->input->size;

    h2o_buffer_consume(&socket->input, n);
    c->left -= n < c->left ? n : c->left;
    if (err || c->left == 0)
        end(c);
}

static void on_sent(closing *c)
{
    h2o_socket_t *socket = socket_of(c->http);
    h2o_context_t *context = c->http->conn->ctx;

    shutdown(h2o_socket_get_fd(socket), SHUT_WR);
    h2o_buffer_consume(&socket->input, socket->input->size);
    socket->on_close.data = c; /* `data` is h2o's own; of on_close it calls nothing here */
    h2o_timeout_link(context->loop, &context->http1.req_timeout, &c->deadline);
    h2o_socket_read_start(socket, on_read);
}

/* Runs twice: with the whole answer, which goes on as if more of it came, and when that is out. */
static void on_send(h2o_ostream_t *self, h2o_req_t *http, h2o_iovec_t *bufs, size_t count,
                    h2o_send_state_t state)
{
    closing *c = (closing *)(void *)self;
    h2o_iovec_t nothing = h2o_iovec_init("", 0); /* of a HEAD the head must go out all the same */

    (void)state;
    if (c->sent) {
        on_sent(c);
        return;
    }
    c->sent = true;
    h2o_ostream_send_next(self, http, count ? bufs : &nothing, count ? count : 1,
                          H2O_SEND_STATE_IN_PROGRESS);
}

static void on_stop(h2o_ostream_t *self, h2o_req_t *http)
{
    (void)http;
    h2o_timeout_unlink(&((closing *)(void *)self)->deadline);
}

void kal_linger_add(h2o_req_t *http, h2o_ostream_t **slot)
{
    closing *c = (closing *)(void *)h2o_add_ostream(http, sizeof(*c), slot);

    c->super.do_send = on_send;
    c->super.stop = on_stop;
    c->deadline = (h2o_timeout_entry_t){.cb = on_deadline};
    c->http = http;
    c->left = MOST_BYTES;
    c->sent = false;
}

static void on_setup(h2o_req_prefilter_t *self, h2o_req_t *http, h2o_ostream_t **slot)
{
    kal_linger_add(http, slot);
    h2o_setup_next_prefilter(self, http, slot);
}

void kal_linger(h2o_req_t *http)
{
    http->http1_is_persistent = 0;
    h2o_add_prefilter(http, sizeof(h2o_req_prefilter_t))->on_setup_ostream = on_setup;
}
