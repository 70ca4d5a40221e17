/* API keys: `kal_` and 32 random bytes in base62; only the SHA-256 is stored.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_APIKEY_H
#define KAL_API_APIKEY_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_KEY_TEXT 47 /* "kal_" and 43 digits */
#define KAL_KEY_HASH 32

typedef enum kal_role { KAL_ROLE_NONE, KAL_ROLE_VIEWER, KAL_ROLE_EDITOR, KAL_ROLE_ADMIN } kal_role;

/* Writes a new key and a NUL. Aborts when the system has no randomness to give. */
void kal_key_new(char out[KAL_KEY_TEXT + 1]);
/* Whether the text has a key's form. */
bool kal_key_formed(kal_str text);
void kal_key_hash(kal_str key, uint8_t out[KAL_KEY_HASH]);
/* Big-endian bytes as 43 digits of 0-9A-Za-z, leading zeros kept. */
void kal_key_base62(const uint8_t bytes[32], char out[43]);
/* KAL_ROLE_NONE when the text names no role. */
kal_role kal_role_parse(kal_str text);

#endif
