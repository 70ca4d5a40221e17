#include "api/framing.h"

#include "base/str.h"

#include <string.h>
#include <strings.h>

/* Takes a line off the text; without its end. */
static kal_str take_line(kal_str *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    size_t n = end ? (size_t)(end - text->p) : text->n;
    kal_str line = {text->p, n > 0 && text->p[n - 1] == '\r' ? n - 1 : n};

    text->p += end ? n + 1 : n;
    text->n -= end ? n + 1 : n;
    return line;
}

static bool is_header(kal_str line, const char *name, size_t len)
{
    return line.n > len && line.p[len] == ':' && strncasecmp(line.p, name, len) == 0;
}

bool kal_framing_is_plain(h2o_req_t *http)
{
    /* Until the answer is out, the socket's input begins with the request's head, as it came. */
    const h2o_buffer_t *input = http->conn->callbacks->get_socket(http->conn)->input;
    kal_str rest = {input->bytes, input->size};
    int lengths = 0;

    take_line(&rest); /* the request line, or the empty one that h2o lets pass before it */
    for (kal_str line = take_line(&rest); line.n > 0; line = take_line(&rest))
        lengths += is_header(line, H2O_STRLIT("content-length")) ||
                   is_header(line, H2O_STRLIT("transfer-encoding"));
    return lengths <= 1;
}
