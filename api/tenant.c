#include "api/tenant.h"

kal_pg_call *kal_tenant_create(kal_str name, int64_t now_ms, kal_new_tenant *out)
{
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();

    out->id = kal_uuid_new(now_ms);
    kal_args_add(args, kal_v_uuid(out->id));
    kal_args_add(args, kal_v_str(KAL_TEXT, name));
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_TENANT_CREATE, args);
    kal_tenant_add_key(call, out->id, "first", "admin", now_ms, out->key);
    return call;
}

void kal_tenant_add_key(kal_pg_call *call, kal_uuid tenant, const char *name, const char *role,
                        int64_t now_ms, char key[KAL_KEY_TEXT + 1])
{
    uint8_t hash[KAL_KEY_HASH];
    kal_args *args = kal_args_new();

    kal_key_new(key);
    kal_key_hash((kal_str){key, KAL_KEY_TEXT}, hash);
    kal_args_add(args, kal_v_uuid(kal_uuid_new(now_ms)));
    kal_args_add(args, kal_v_uuid(tenant));
    kal_args_add(args, kal_v_str(KAL_BYTEA, (kal_str){(const char *)hash, sizeof(hash)}));
    kal_args_add(args, kal_v_text(name));
    kal_args_add(args, kal_v_text(role));
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_add(call, KAL_SQL_API_KEY_CREATE, args);
}
