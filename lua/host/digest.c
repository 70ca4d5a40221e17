#include "lua/host/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

void kal_digest_sha256(kal_str bytes, char out[KAL_DIGEST_TEXT + 1])
{
    unsigned char digest[KAL_DIGEST_TEXT / 2];
    if (EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* only when there is no memory */
    kal_str_hex(digest, sizeof digest, out);
}
