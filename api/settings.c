#include "api/settings.h"

#include "api/check.h"
#include "api/jwt.h"
#include "base/zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MOST 10000000
#define WINDOW_MOST 86400
#define ALLOW_MOST 64
#define SECRET_MOST 1024

static const char *const classes[KAL_RATE_CLASSES] = {
    [KAL_RATE_TRIGGER] = "trigger", [KAL_RATE_EVENTS] = "events", [KAL_RATE_API] = "api"};

void kal_settings_rates(kal_str text, kal_rate rates[KAL_RATE_CLASSES])
{
    char error[160];
    json_t *settings = kal_json_parse(text, error);
    const json_t *limits = json_object_get(settings, "rate_limits");

    for (size_t c = KAL_RATE_TRIGGER; c < KAL_RATE_CLASSES; c++) {
        const json_t *rate = json_object_get(limits, classes[c]);
        const json_t *most = json_object_get(rate, "max_requests");
        const json_t *window = json_object_get(rate, "window_seconds");
        if (json_is_integer(most))
            rates[c].max_requests = json_integer_value(most);
        if (json_is_integer(window))
            rates[c].window_seconds = json_integer_value(window);
    }
    json_decref(settings);
}

static bool whole(const json_t *value, json_int_t least, json_int_t most)
{
    return !value || (json_is_integer(value) && json_integer_value(value) >= least &&
                      json_integer_value(value) <= most);
}

static bool rates_ok(const json_t *limits)
{
    const char *name;
    json_t *rate;

    if (!json_is_object(limits))
        return false;
    json_object_foreach((json_t *)(uintptr_t)limits, name, rate)
    {
        size_t c = KAL_RATE_TRIGGER;
        while (c < KAL_RATE_CLASSES && strcmp(classes[c], name) != 0)
            c++;
        if (json_is_null(rate))
            continue;
        if (c == KAL_RATE_CLASSES || !json_is_object(rate) ||
            !whole(json_object_get(rate, "max_requests"), 0, RATE_MOST) ||
            !whole(json_object_get(rate, "window_seconds"), 1, WINDOW_MOST))
            return false;
    }
    return true;
}

typedef struct member {
    const char *name;
    json_int_t least, most;
} member;

/* An object of whole numbers, each of a known name; null takes one away. */
static bool members_ok(const json_t *group, const member *members, size_t n)
{
    const char *name;
    json_t *value;

    if (!json_is_object(group))
        return false;
    json_object_foreach((json_t *)(uintptr_t)group, name, value)
    {
        size_t m = 0;
        while (m < n && strcmp(members[m].name, name) != 0)
            m++;
        if (m == n || (!json_is_null(value) && !whole(value, members[m].least, members[m].most)))
            return false;
    }
    return true;
}

static bool quotas_ok(const json_t *quotas)
{
    static const member members[] = {
        {"instances", 0, INT64_MAX}, {"customers", 0, INT64_MAX}, {"events_per_day", 0, INT64_MAX}};

    return members_ok(quotas, members, sizeof(members) / sizeof(members[0]));
}

static bool code_ok(const json_t *code)
{
    static const member members[] = {{"timeout_ms", 1, 1000}, {"at_once", 1, 8},
                                     {"memory_mb", 1, 64},    {"input_kb", 1, 1024},
                                     {"output_kb", 1, 256},   {"source_kb", 1, 256}};

    return members_ok(code, members, sizeof(members) / sizeof(members[0]));
}

/* An address or a network in CIDR form. */
static bool network_ok(const json_t *value)
{
    char text[64], *slash;
    unsigned char address[16];
    int64_t bits = 0;

    if (!json_is_string(value) || json_string_length(value) >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%s", json_string_value(value));
    slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    bool v4 = inet_pton(AF_INET, text, address) == 1;
    if (!v4 && inet_pton(AF_INET6, text, address) != 1)
        return false;
    return !slash ||
           (kal_str_int(kal_str_of(slash + 1), &bits) && bits >= 0 && bits <= (v4 ? 32 : 128));
}

static bool allow_ok(const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > ALLOW_MOST)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!network_ok(json_array_get(list, i)))
            return false;
    return true;
}

static bool zone_ok(const json_t *zone)
{
    return json_is_string(zone) &&
           kal_zone_known((kal_str){json_string_value(zone), json_string_length(zone)});
}

static const struct {
    const char *name;
    bool (*ok)(const json_t *value);
    bool is_own; /* the tenant may set it */
} fields[] = {{"rate_limits", rates_ok, false},
              {"quotas", quotas_ok, false},
              {"code", code_ok, false},
              {"timezone", zone_ok, true},
              {"outbound_allow", allow_ok, false}};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

void kal_settings_check(const json_t *body, json_t *errors)
{
    const json_t *settings = json_object_get(body, "settings");
    const json_t *secret = json_object_get(body, "jwt_secret");

    if (secret && !json_is_null(secret) &&
        (!json_is_string(secret) || json_string_length(secret) < KAL_JWT_SECRET_LEAST ||
         json_string_length(secret) > SECRET_MOST))
        kal_check_add(errors, "jwt_secret", KAL_INVALID);
    if (!settings && secret)
        return;
    if (!json_is_object(settings)) {
        kal_check_add(errors, "settings", settings ? KAL_INVALID : KAL_BLANK);
        return;
    }
    for (size_t i = 0; i < FIELDS; i++) {
        const json_t *value = json_object_get(settings, fields[i].name);
        if (value && !json_is_null(value) && !fields[i].ok(value))
            kal_check_add(errors, fields[i].name, KAL_INVALID);
    }
}

bool kal_settings_are_own(const json_t *settings)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!fields[i].is_own && json_object_get(settings, fields[i].name))
            return false;
    return true;
}
