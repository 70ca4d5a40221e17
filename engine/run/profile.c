#include "run/profile.h"

#include "base/clock.h"
#include "base/zone.h"

#include <stdio.h>
#include <string.h>

#define MAX_TEXT 255
#define MAX_PROFILE_BYTES (64 * 1024)
#define MAX_LEVELS 64 /* leaves room for what is built around a customer */

typedef struct kal_field {
    const char *name;
    size_t offset;
} kal_field;

static const kal_field columns[] = {
    {"email", offsetof(kal_customer, email)},
    {"phone", offsetof(kal_customer, phone)},
    {"name", offsetof(kal_customer, name)},
    {"timezone", offsetof(kal_customer, timezone)},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static kal_str *column(kal_customer *customer, const char *name)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (strcmp(columns[i].name, name) == 0)
            return (kal_str *)(void *)((char *)customer + columns[i].offset);
    return NULL;
}

void kal_profile_ensure(kal_batch *batch, kal_customer *customer)
{
    if (customer->exists)
        return;
    customer->exists = customer->created = customer->dirty = true;
    customer->id = kal_uuid_new(batch->now_ms);
    customer->properties = json_object();
    customer->tags = json_array();
    customer->preferences = json_object();
    customer->created_ms = batch->now_ms;
}

static void touched(kal_customer *customer)
{
    customer->dirty = true;
    customer->stamp++;
}

/* What keeps a column from taking the text, or NULL. */
static const char *problem(const char *name, const json_t *value)
{
    kal_str text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value))
        return NULL;
    if (text.n > MAX_TEXT)
        return "is longer than 255 bytes";
    bool known = strcmp(name, "timezone") != 0 || kal_zone_known(text);
    return known ? NULL : "is not a known time zone";
}

static json_t *merged(const json_t *into, json_t *more)
{
    json_t *copy = into ? json_copy((json_t *)(uintptr_t)into) : json_object();
    json_object_update(copy, more);
    return copy;
}

const char *kal_profile_refusal(const kal_customer *customer, const json_t *fields)
{
    json_t *all = json_pack("[o, o, O*, O*]",
                            merged(customer->properties, json_object_get(fields, "properties")),
                            merged(customer->preferences, json_object_get(fields, "preferences")),
                            customer->tags, json_object_get(fields, "tags"));
    kal_buf text = {0};
    kal_json_write(&text, all);
    const char *refusal = NULL;
    if (text.len > MAX_PROFILE_BYTES)
        refusal = "the customer's profile is over 64 KB";
    else if (kal_json_depth((kal_str){text.data, text.len}) > MAX_LEVELS + 1)
        refusal = "the customer's profile is nested deeper than 64 levels";
    kal_buf_deinit(&text);
    json_decref(all);
    return refusal;
}

static void set_column(kal_batch *batch, kal_customer *customer, kal_str *slot, const json_t *value)
{
    kal_str text = {json_string_value(value), json_string_length(value)};
    *slot = json_is_string(value) ? kal_batch_text(batch, text) : (kal_str){0};
    touched(customer);
}

void kal_profile_set(kal_batch *batch, kal_customer *customer, const json_t *fields)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const json_t *value = json_object_get(fields, columns[i].name);
        if (value)
            set_column(batch, customer, column(customer, columns[i].name), value);
    }
    json_object_update(customer->properties, json_object_get(fields, "properties"));
    json_object_update(customer->preferences, json_object_get(fields, "preferences"));
    const json_t *tags = json_object_get(fields, "tags");
    if (tags) {
        json_array_clear(customer->tags);
        kal_profile_tags(customer, tags, true);
    }
    touched(customer);
}

bool kal_profile_update(kal_batch *batch, kal_customer *customer, const json_t *fields,
                        char error[160])
{
    const char *key;
    json_t *value;
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *wrong = NULL;
        if ((value = json_object_get(fields, columns[i].name)))
            wrong = problem(columns[i].name, value);
        if (wrong) {
            snprintf(error, 160, "the customer's %s %s", columns[i].name, wrong);
            return false;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)fields, key, value)
    {
        kal_str *slot = column(customer, key);
        if (slot && (json_is_string(value) || json_is_null(value)))
            set_column(batch, customer, slot, value);
        else
            json_object_set(customer->properties, key, value);
    }
    touched(customer);
    return true;
}

void kal_profile_tag(kal_customer *customer, const char *tag, bool add)
{
    size_t at = 0;
    size_t n = json_array_size(customer->tags);
    while (at < n && strcmp(json_string_value(json_array_get(customer->tags, at)), tag) != 0)
        at++;
    if (add == (at < n))
        return;
    if (add)
        json_array_append_new(customer->tags, json_string(tag));
    else
        json_array_remove(customer->tags, at);
    touched(customer);
}

void kal_profile_tags(kal_customer *customer, const json_t *tags, bool add)
{
    for (size_t i = 0; i < json_array_size(tags); i++)
        kal_profile_tag(customer, json_string_value(json_array_get(tags, i)), add);
}

static json_t *text_json(kal_str text)
{
    return text.p ? json_stringn(text.p, text.n) : json_null();
}

static json_t *time_json(int64_t ms)
{
    char text[KAL_TIME_TEXT + 1];
    if (ms == KAL_UNSET)
        return json_null();
    kal_clock_format(ms, text);
    return json_string(text);
}

json_t *kal_profile_json(const kal_customer *customer)
{
    char id[KAL_UUID_TEXT + 1];
    kal_uuid_format(customer->id, id);
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(id));
    json_object_set_new(json, "external_id", text_json(customer->external_id));
    json_object_set_new(json, "email", text_json(customer->email));
    json_object_set_new(json, "phone", text_json(customer->phone));
    json_object_set_new(json, "name", text_json(customer->name));
    json_object_set_new(json, "timezone", text_json(customer->timezone));
    json_object_set_new(json, "properties", json_copy(customer->properties));
    json_object_set_new(json, "tags", json_copy(customer->tags));
    json_object_set_new(json, "preferences", json_copy(customer->preferences));
    json_object_set_new(json, "created_at", time_json(customer->created_ms));
    json_object_set_new(json, "last_seen_at", time_json(customer->seen_ms));
    return json;
}

static kal_value time_value(int64_t ms)
{
    return ms == KAL_UNSET ? kal_v_null(KAL_TIMESTAMP) : kal_v_time(ms);
}

void kal_profile_seal(kal_customer *customer, kal_batch *batch)
{
    if (!customer->dirty)
        return;
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_CUSTOMER);
    row[0] = kal_v_uuid(customer->id);
    row[1] = kal_v_uuid(customer->tenant);
    row[2] = kal_v_str(KAL_TEXT, customer->external_id);
    row[3] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[4] = kal_v_str(KAL_TEXT, customer->email);
    row[5] = kal_v_str(KAL_TEXT, customer->phone);
    row[6] = kal_v_str(KAL_TEXT, customer->name);
    row[7] = kal_v_str(KAL_TEXT, customer->timezone);
    row[8] = kal_v_str(KAL_JSON, kal_batch_json(batch, customer->properties));
    row[9] = kal_v_str(KAL_JSON, kal_batch_json(batch, customer->tags));
    row[10] = kal_v_str(KAL_JSON, kal_batch_json(batch, customer->preferences));
    row[11] = kal_v_time(customer->created_ms);
    row[12] = time_value(customer->seen_ms);
}
