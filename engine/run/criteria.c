#include "run/criteria.h"

#include "run/context.h"

static bool event_meets(const json_t *criteria, const json_t *event)
{
    kal_str type = kal_json_get_str(criteria, "event_type");
    return event && type.p && kal_str_eq(type, kal_json_get_str(event, "event_type")) &&
           kal_json_matches(json_object_get(criteria, "filter"), json_object_get(event, "data"));
}

static bool condition_meets(kal_batch *batch, kal_instance *instance, const json_t *criteria,
                            const json_t *event)
{
    kal_str condition = kal_json_get_str(criteria, "condition");
    bool truth = false;
    if (!condition.p || !kal_context_open(batch, instance))
        return false;
    kal_buf error = {0};
    if (kal_lua_truth(batch->lua, condition, instance->lua, event, batch->now_ms, &truth, &error))
        truth = false; /* a condition that cannot be told is not met */
    kal_buf_deinit(&error);
    return truth;
}

bool kal_criteria_met(kal_batch *batch, kal_instance *instance, const json_t *event)
{
    for (int i = 0; i < 2; i++) {
        const json_t *criteria = kal_version_exit_criteria(instance->version, i);
        if (criteria &&
            (event_meets(criteria, event) || condition_meets(batch, instance, criteria, event)))
            return true;
    }
    return false;
}
