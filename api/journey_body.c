#include "api/journey_body.h"

#include "api/check.h"
#include "api/member.h"

#define TAGS_MOST 100

json_t *kal_journey_body_check(const json_t *body, bool is_new)
{
    json_t *errors = json_object();
    const json_t *tags = json_object_get(body, "tags");

    if (is_new || json_object_get(body, "name"))
        kal_check_needed(errors, body, "name", KAL_ID_MAX);
    kal_check_text(errors, body, "description", KAL_TEXT_MAX);
    kal_check_object(errors, body, "goal_config");
    kal_check_object(errors, body, "schedule");
    kal_check_object(errors, body, "audience_criteria");
    if (tags && !kal_check_texts(tags, TAGS_MOST))
        kal_check_add(errors, "tags", KAL_INVALID);
    return errors;
}

/* What creating and changing a journey end with. */
static void add_settings(kal_args *args, const json_t *body, int64_t now_ms)
{
    kal_member_json(args, body, "goal_config");
    kal_member_json(args, body, "schedule");
    kal_member_json(args, body, "audience_criteria");
    kal_member_json(args, body, "tags");
    kal_args_add(args, kal_v_time(now_ms));
}

void kal_journey_body_create(kal_pg_call *call, kal_uuid id, kal_uuid flow, const json_t *body,
                             int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_uuid(flow));
    kal_member_text(args, body, "name");
    kal_member_text(args, body, "description");
    add_settings(args, body, now_ms);
    kal_pg_call_add(call, KAL_SQL_API_JOURNEY_CREATE, args);
}

void kal_journey_body_update(kal_pg_call *call, kal_uuid id, const kal_uuid *flow,
                             const json_t *body, int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, flow ? kal_v_uuid(*flow) : kal_v_null(KAL_UUID));
    kal_member_text(args, body, "name");
    kal_member_given(args, body, "description");
    add_settings(args, body, now_ms);
    kal_pg_call_add(call, KAL_SQL_API_JOURNEY_UPDATE, args);
}
