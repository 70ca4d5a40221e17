#include "api/routes/routes.h"

#define V1 "/api/v1"
#define VIEWER KAL_SCOPE_VIEWER
#define EDITOR KAL_SCOPE_EDITOR
#define OPERATOR KAL_SCOPE_OPERATOR
#define OPEN KAL_SCOPE_NONE
#define API KAL_RATE_API
#define LIMIT                                                                                      \
    {                                                                                              \
        KAL_PARAM_LIMIT, NULL                                                                      \
    }
#define ID                                                                                         \
    {                                                                                              \
        KAL_PARAM_ID, NULL                                                                         \
    }
#define CURSOR                                                                                     \
    {                                                                                              \
        KAL_PARAM_CURSOR_ID, NULL                                                                  \
    }
#define NOW                                                                                        \
    {                                                                                              \
        KAL_PARAM_NOW, NULL                                                                        \
    }
#define TEXT(name)                                                                                 \
    {                                                                                              \
        KAL_PARAM_TEXT, name                                                                       \
    }
#define FLOW_STATUS                                                                                \
    {                                                                                              \
        KAL_PARAM_FLOW_STATUS, "status"                                                            \
    }
#define STEPS                                                                                      \
    {                                                                                              \
        KAL_READ_LIST_OF, KAL_SQL_API_STEP_LIST, KAL_SQL_API_INSTANCE_OWNER, {ID, CURSOR, LIMIT},  \
            0                                                                                      \
    }
#define BATCH_BODY ((size_t)2 << 20)

/* clang-format off */
static const kal_route routes[] = {
    {"POST", V1 "/events", EDITOR, KAL_RATE_EVENTS, kal_route_events, {0}, 0},
    {"POST", V1 "/events/batch", EDITOR, KAL_RATE_EVENTS, kal_route_events_batch, {0}, BATCH_BODY},
    {"POST", V1 "/flows/:id/trigger", EDITOR, KAL_RATE_TRIGGER, kal_route_trigger, {0}, BATCH_BODY},

    {"GET", V1 "/flows", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_FLOW_LIST, 0, {CURSOR, LIMIT, FLOW_STATUS}, 0}, 0},
    {"POST", V1 "/flows", EDITOR, API, kal_route_flows_create, {0}, 0},
    {"GET", V1 "/flows/:id", VIEWER, API, NULL, {KAL_READ_ONE, KAL_SQL_API_FLOW_GET, 0, {ID}, 0},
     0},
    {"PUT", V1 "/flows/:id", EDITOR, API, kal_route_flows_update, {0}, 0},
    {"DELETE", V1 "/flows/:id", EDITOR, API, kal_route_flows_delete, {0}, 0},
    {"POST", V1 "/flows/:id/activate", EDITOR, API, kal_route_flows_activate, {0}, 0},
    {"POST", V1 "/flows/:id/pause", EDITOR, API, kal_route_flows_pause, {0}, 0},
    {"POST", V1 "/flows/:id/resume", EDITOR, API, kal_route_flows_resume, {0}, 0},
    {"POST", V1 "/flows/:id/archive", EDITOR, API, kal_route_flows_archive, {0}, 0},
    {"GET", V1 "/flows/:id/versions", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_VERSION_LIST, KAL_SQL_API_FLOW_EXISTS,
      {ID, {KAL_PARAM_CURSOR_INT, NULL}, LIMIT}, 0}, 0},
    {"POST", V1 "/flows/:id/versions", EDITOR, API, kal_route_versions_create, {0}, 0},
    {"GET", V1 "/flows/:id/versions/:n", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_VERSION_GET, 0, {ID, {KAL_PARAM_VERSION, NULL}}, 0}, 0},
    {"GET", V1 "/flows/:id/instances", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_INSTANCE_LIST, KAL_SQL_API_FLOW_EXISTS,
      {ID, CURSOR, LIMIT, TEXT("status"), {KAL_PARAM_INT, "version"}, NOW},
      KAL_SQL_API_INSTANCE_OF_CUSTOMER}, 0},

    {"POST", V1 "/flows/:id/duplicate", EDITOR, API, kal_route_flows_duplicate, {0}, 0},

    /* What lies below /flows/:id lies below /journeys/:id too. */
    {"GET", V1 "/journeys", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_JOURNEY_LIST, 0, {CURSOR, LIMIT, FLOW_STATUS, TEXT("tag")}, 0}, 0},
    {"POST", V1 "/journeys", EDITOR, API, kal_route_journeys_create, {0}, 0},
    {"GET", V1 "/journeys/:id", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_JOURNEY_GET, 0, {ID}, 0}, 0},
    {"PUT", V1 "/journeys/:id", EDITOR, API, kal_route_journeys_update, {0}, 0},
    {"DELETE", V1 "/journeys/:id", EDITOR, API, kal_route_journeys_delete, {0}, 0},
    {"POST", V1 "/journeys/:id/launch", EDITOR, API, kal_route_flows_activate, {0}, 0},

    {"GET", V1 "/instances/:id", VIEWER, API, kal_route_instances_get, {0}, 0},
    {"GET", V1 "/instances/:id/timeline", VIEWER, API, NULL, STEPS, 0},
    {"GET", V1 "/instances/:id/trace", VIEWER, API, NULL, STEPS, 0},
    {"GET", V1 "/instances/:id/explain", VIEWER, API, kal_route_instances_explain, {0}, 0},
    {"POST", V1 "/instances/:id/cancel", EDITOR, API, kal_route_instances_cancel, {0}, 0},
    {"POST", V1 "/instances/:id/exit", EDITOR, API, kal_route_instances_exit, {0}, 0},
    {"POST", V1 "/instances/:id/pause", EDITOR, API, kal_route_instances_pause, {0}, 0},
    {"POST", V1 "/instances/:id/resume", EDITOR, API, kal_route_instances_resume, {0}, 0},
    {"POST", V1 "/instances/:id/retry", EDITOR, API, kal_route_instances_retry, {0}, 0},

    {"GET", V1 "/customers", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_CUSTOMER_LIST, 0,
      {CURSOR, LIMIT, TEXT("external_id"), TEXT("email"), TEXT("tag")}, 0}, 0},
    {"POST", V1 "/customers", EDITOR, API, kal_route_customers_create, {0}, 0},
    {"GET", V1 "/customers/:id", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_CUSTOMER_GET, 0, {{KAL_PARAM_CUSTOMER, NULL}}, 0}, 0},
    {"PUT", V1 "/customers/:id", EDITOR, API, kal_route_customers_update, {0}, 0},
    {"DELETE", V1 "/customers/:id", EDITOR, API, kal_route_customers_delete, {0}, 0},
    {"GET", V1 "/customers/:id/profile", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_CUSTOMER_PROFILE, 0, {{KAL_PARAM_CUSTOMER, NULL}}, 0}, 0},
    {"PATCH", V1 "/customers/:id/profile", EDITOR, API, kal_route_customers_patch_profile, {0}, 0},
    {"GET", V1 "/customers/:id/journeys", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_CUSTOMER_INSTANCES, KAL_SQL_API_CUSTOMER_FIND,
      {{KAL_PARAM_CUSTOMER, NULL}, CURSOR, LIMIT, NOW}, 0}, 0},
    {"POST", V1 "/customers/:id/tags", EDITOR, API, kal_route_customers_tag, {0}, 0},
    {"DELETE", V1 "/customers/:id/tags", EDITOR, API, kal_route_customers_untag, {0}, 0},
    {"PUT", V1 "/customers/:id/preferences", EDITOR, API, kal_route_customers_preferences, {0}, 0},

    {"POST", V1 "/webhooks/:id", OPEN, KAL_RATE_TRIGGER, kal_route_webhooks_enter, {0}, 0},

    {"GET", V1 "/node-types", VIEWER, API, kal_route_node_types, {0}, 0},
    {"GET", V1 "/node-types/:type", VIEWER, API, kal_route_node_type, {0}, 0},

    {"GET", V1 "/clock", VIEWER, API, kal_route_clock_show, {0}, 0},
    {"POST", V1 "/clock/advance", VIEWER, API, kal_route_clock_advance, {0}, 0},

    {"POST", V1 "/admin/tenants", OPERATOR, KAL_RATE_NONE, kal_route_tenants_create, {0}, 0},
    {"GET", V1 "/admin/tenants/:id", OPERATOR, KAL_RATE_NONE, kal_route_tenants_get, {0}, 0},
    {"PUT", V1 "/admin/tenants/:id", OPERATOR, KAL_RATE_NONE, kal_route_tenants_update, {0}, 0},

    {"GET", "/health", OPEN, KAL_RATE_NONE, kal_route_health, {0}, 0},
    {"GET", "/health/ready", OPEN, KAL_RATE_NONE, kal_route_health_ready, {0}, 0},
    {"GET", "/info", OPEN, KAL_RATE_NONE, kal_route_info, {0}, 0},
    {"GET", "/metrics", OPEN, KAL_RATE_NONE, kal_route_metrics, {0}, 0},
};
/* clang-format on */

const kal_route *kal_routes(size_t *count)
{
    *count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}
