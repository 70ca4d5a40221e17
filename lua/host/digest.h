/* SHA-256 as people write it.
 * Thread: any. Blocks: never. */
#ifndef KAL_LUA_HOST_DIGEST_H
#define KAL_LUA_HOST_DIGEST_H

#include "base/str.h"

#define KAL_DIGEST_TEXT 64

/* Writes the SHA-256 of the bytes in lower-case hex, and a NUL. */
void kal_digest_sha256(kal_str bytes, char out[KAL_DIGEST_TEXT + 1]);

#endif
