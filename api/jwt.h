/* Bearer tokens (JWT): HS256 by a tenant's secret, RS256 by the operator's key.
 * Invariant: a key verifies the one algorithm that it was made for, whatever a token's header says.
 * Thread: a token one at a time, a key any. Blocks: kal_jwt_key_public reads a file. */
#ifndef KAL_API_JWT_H
#define KAL_API_JWT_H

#include "api/apikey.h"
#include "base/buf.h"
#include "base/uuid.h"

#define KAL_JWT_MAX 2048        /* bytes of a token */
#define KAL_JWT_SECRET_LEAST 32 /* bytes of a secret: as many as the hash has */
#define KAL_JWT_SUBJECT_MAX 255

typedef enum kal_jwt_alg { KAL_JWT_HS256, KAL_JWT_RS256 } kal_jwt_alg;

/* A token as it was read: nothing of it is true before kal_jwt_signed. */
typedef struct kal_jwt {
    kal_jwt_alg alg;
    kal_uuid tenant;
    kal_role role;
    int64_t from_ms, until_ms; /* real time, leeway included */
    char subject[KAL_JWT_SUBJECT_MAX + 1];
    void *jws;
} kal_jwt;

typedef struct kal_jwt_key kal_jwt_key;

/* Whether the text has a token's form: three parts of base64url. */
bool kal_jwt_formed(kal_str text);
/* Reads a token; NULL when it is none, has another algorithm, critical extensions, or misses one of
 * the claims tenant, role, sub and exp. */
kal_jwt *kal_jwt_parse(kal_str text);
void kal_jwt_free(kal_jwt *jwt);

/* The key of HS256; NULL when the secret is too short. */
kal_jwt_key *kal_jwt_key_secret(kal_str secret);
/* The key of RS256 from a PEM file (RSA of 2048 bits or more); NULL with one line in error. */
kal_jwt_key *kal_jwt_key_public(const char *path, kal_buf *error);
void kal_jwt_key_free(kal_jwt_key *key);
/* Whether this key has signed the token. False for another algorithm than the key's. */
bool kal_jwt_signed(const kal_jwt *jwt, const kal_jwt_key *key);

#endif
