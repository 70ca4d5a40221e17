#include "run/context.h"

#include "run/profile.h"

/* Takes the value over. */
static void set(kal_batch *batch, const kal_instance *instance, const char *key, json_t *value)
{
    kal_lua_context_set(batch->lua, instance->lua, key, value);
    json_decref(value);
}

static void set_id(kal_batch *batch, const kal_instance *instance, const char *key, kal_uuid id)
{
    char text[KAL_UUID_TEXT + 1];
    kal_uuid_format(id, text);
    set(batch, instance, key, json_string(text));
}

static void show_customer(kal_batch *batch, kal_instance *instance)
{
    const kal_customer *customer = instance->customer;
    instance->stamp = customer->stamp;
    if (customer->segments)
        kal_lua_context_set(batch->lua, instance->lua, "_segments", customer->segments);
    if (!customer->exists)
        return;
    set(batch, instance, "_customer", kal_profile_json(customer));
    char error[160];
    json_t *given = kal_json_parse(instance->context, error);
    if (!json_is_object(json_object_get(given, "preferences")))
        kal_lua_context_set(batch->lua, instance->lua, "preferences", customer->preferences);
    json_decref(given);
}

bool kal_context_open(kal_batch *batch, kal_instance *instance)
{
    if (instance->lua != KAL_LUA_NONE) {
        if (instance->stamp != instance->customer->stamp)
            show_customer(batch, instance);
        return true;
    }
    if (kal_lua_context_new(batch->lua, instance->context, instance->accumulated, &instance->lua))
        return false;
    kal_str external_id = instance->customer->external_id;
    set(batch, instance, "_customer_id", json_stringn(external_id.p, external_id.n));
    set_id(batch, instance, "_flow_id", instance->version->flow->id);
    set_id(batch, instance, "_tenant_id", instance->customer->tenant);
    set_id(batch, instance, "_instance_id", instance->id);
    /* Ids that nodes derive (deliveries) differ between bursts at one instant. */
    set(batch, instance, "_execution", json_integer(instance->executed));
    show_customer(batch, instance);
    return true;
}
