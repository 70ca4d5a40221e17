/* Signatures of Standard Webhooks, verified.
 * Invariant: what a wrong signature has in common with the right one does not show in the time.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_SIGNATURE_H
#define KAL_API_SIGNATURE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_SIGNATURE_SECONDS 300 /* that a signed request's time may be off */

/* What a request carries: webhook-id, webhook-timestamp, webhook-signature and its raw body. */
typedef struct kal_signed {
    kal_str id, timestamp, signatures, body;
} kal_signed;

/* Whether one of the signatures is by the secret (whsec_ and base64; any other text is itself the
 * key), and its time is near real_ms. */
bool kal_signature_ok(kal_str secret, const kal_signed *what, int64_t real_ms);

#endif
