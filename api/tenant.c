#include "api/tenant.h"

#include <string.h>

kal_pg_call *kal_tenant_create(kal_str name, int64_t now_ms, kal_new_tenant *out)
{
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();

    out->id = kal_uuid_new(now_ms);
    kal_args_add(args, kal_v_uuid(out->id));
    kal_args_add(args, kal_v_str(KAL_TEXT, name));
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_TENANT_CREATE, args);
    kal_new_key key = {
        .tenant = out->id,
        .name = kal_str_of("first"),
        .role = kal_str_of("admin"),
        .expires_ms = INT64_MAX,
    };
    kal_tenant_add_key(call, &key, now_ms);
    memcpy(out->key, key.key, sizeof(out->key));
    return call;
}

void kal_tenant_add_key(kal_pg_call *call, kal_new_key *key, int64_t now_ms)
{
    uint8_t hash[KAL_KEY_HASH];
    kal_args *args = kal_args_new();

    key->id = kal_uuid_new(now_ms);
    kal_key_new(key->key);
    kal_key_hash((kal_str){key->key, KAL_KEY_TEXT}, hash);
    kal_args_add(args, kal_v_uuid(key->id));
    kal_args_add(args, kal_v_uuid(key->tenant));
    kal_args_add(args, kal_v_str(KAL_BYTEA, (kal_str){(const char *)hash, sizeof(hash)}));
    kal_args_add(args, kal_v_str(KAL_TEXT, key->name));
    kal_args_add(args, kal_v_str(KAL_TEXT, key->role));
    kal_args_add(args, kal_v_time(now_ms));
    kal_args_add(args, key->expires_ms == INT64_MAX ? kal_v_null(KAL_TIMESTAMP)
                                                    : kal_v_time(key->expires_ms));
    kal_pg_call_add(call, KAL_SQL_API_KEY_CREATE, args);
}
