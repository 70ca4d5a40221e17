#include "flow/rules.h"

#include "base/clock.h"
#include "flow/shape.h"

#define MAX_TEXT 255

static void say(json_t *problems, const char *where, const char *pointer, const char *sentence)
{
    const char *colon = *where || *pointer ? ": " : "";
    json_array_append_new(problems, json_sprintf("%s%s%s%s", where, pointer, colon, sentence));
}

static bool is_map(const json_t *rules, const char *where, json_t *problems)
{
    if (rules && !json_is_object(rules))
        say(problems, where, "", "must be a map");
    return json_is_object(rules);
}

/* Left out, or text that is not empty and not too long. */
static bool is_short_text(const json_t *value)
{
    return !value || (json_string_length(value) > 0 && json_string_length(value) <= MAX_TEXT);
}

static bool is_reentry(const json_t *config)
{
    kal_str text = kal_json_get_str(config, "reentry");
    int64_t ms;
    return !kal_shape_member(config, "reentry") || kal_str_is(text, "never") ||
           (text.n && kal_clock_duration(text, &ms));
}

void kal_rules_entry(const json_t *config, const char *where, json_t *problems)
{
    if (!is_map(config, where, problems))
        return;
    const json_t *existing = kal_shape_member(config, "existing_members");
    if (!is_reentry(config))
        say(problems, where, "/reentry",
            "must be \"never\" or a duration of at most 10 years such as 30d; without it a "
            "customer may enter again at once");
    if (existing && !json_is_boolean(existing))
        say(problems, where, "/existing_members", "must be true or false");
    if (!is_short_text(kal_shape_member(config, "webhook_secret")))
        say(problems, where, "/webhook_secret", "must be text of 1 to 255 bytes");
}

static void check_condition(kal_lua *lua, const json_t *criteria, const char *where,
                            json_t *problems)
{
    kal_buf error = {0};
    kal_str text = kal_json_get_str(criteria, "condition");
    if (!text.p)
        say(problems, where, "/condition", "must be an expression, as text");
    else if (!kal_lua_expression_ok(lua, text, &error))
        say(problems, where, "/condition", error.data);
    kal_buf_deinit(&error);
}

void kal_rules_exit(kal_lua *lua, const json_t *criteria, const char *where, json_t *problems)
{
    if (!is_map(criteria, where, problems))
        return;
    const json_t *event_type = kal_shape_member(criteria, "event_type");
    const json_t *filter = kal_shape_member(criteria, "filter");
    const json_t *condition = kal_shape_member(criteria, "condition");
    if (!event_type && !condition && json_object_size(criteria))
        say(problems, where, "", "needs an event_type or a condition");
    if (!is_short_text(event_type))
        say(problems, where, "/event_type", "must be the name of an event, text of 1 to 255 bytes");
    if (filter && !json_is_object(filter))
        say(problems, where, "/filter",
            "must be a map from paths in the event's data to the values wanted there");
    else if (filter && condition && !event_type)
        say(problems, where, "/filter",
            "looks at an event only; name its event_type too, or put this into the condition");
    if (condition)
        check_condition(lua, criteria, where, problems);
}
