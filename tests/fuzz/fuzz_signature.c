/* Signed requests: lines are the secret, webhook-id, webhook-timestamp, webhook-signature; the rest
 * is the body. A signature that is right is no longer once the body is another. */
#include "api/signature.h"

#include "fuzz.h"

#include <string.h>

#define NOW INT64_C(1614265330000) /* of the seeds */

static kal_str line(kal_str *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    kal_str taken = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

    rest->n -= taken.n + (end != NULL);
    rest->p += taken.n + (end != NULL);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kal_str rest = fuzz_text(data, size), secret = line(&rest);
    kal_signed what = {0};

    what.id = line(&rest);
    what.timestamp = line(&rest);
    what.signatures = line(&rest);
    what.body = rest;
    if (!kal_signature_ok(secret, &what, NOW))
        return 0;
    kal_buf longer = {0};
    kal_buf_add(&longer, rest.p, rest.n);
    kal_buf_putc(&longer, ' ');
    what.body = (kal_str){longer.data, longer.len};
    KEEP(!kal_signature_ok(secret, &what, NOW));
    kal_buf_deinit(&longer);
    what.body = rest;
    KEEP(!kal_signature_ok(secret, &what, NOW + (2 * KAL_SIGNATURE_SECONDS + 1) * 1000));
    return 0;
}
