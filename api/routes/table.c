#include "api/routes/routes.h"

#define V1 "/api/v1"
#define VIEWER KAL_SCOPE_VIEWER
#define EDITOR KAL_SCOPE_EDITOR
#define ADMIN KAL_SCOPE_ADMIN
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
#define TIME(name)                                                                                 \
    {                                                                                              \
        KAL_PARAM_TIME, name                                                                       \
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
#define CUSTOMER                                                                                   \
    {                                                                                              \
        KAL_PARAM_CUSTOMER, NULL                                                                   \
    }
#define VERSION                                                                                    \
    {                                                                                              \
        KAL_PARAM_VERSION, NULL                                                                    \
    }
/* The parameters of a handler, for the document alone. */
#define TAKES(...)                                                                                 \
    {                                                                                              \
        KAL_READ_NONE, 0, 0, {__VA_ARGS__}, 0                                                      \
    }
#define BATCH_BODY ((size_t)2 << 20)
/* What a row says of itself (api/doc.h): what a read shows; what a handler does with a body and
 * answers with; what ends without an answer. Names are those of api/schemas, in capitals. */
#define SHOWS(summary, schema)                                                                     \
    {                                                                                              \
        summary, KAL_SCHEMA_NONE, 200, 0, KAL_ANSWER_READ, KAL_SCHEMA_##schema                     \
    }
#define DOES(summary, body, status, answer, schema)                                                \
    {                                                                                              \
        summary, KAL_SCHEMA_##body, status, 0, KAL_ANSWER_##answer, KAL_SCHEMA_##schema            \
    }
#define DELETES(summary) DOES(summary, NONE, 204, EMPTY, NONE)

/* clang-format off */
static const kal_route routes[] = {
    {"POST", V1 "/events", EDITOR, KAL_RATE_EVENTS, kal_route_events, {0}, 0,
     DOES("Take an event in", EVENT, 202, BARE, EVENT_ANSWER)},
    {"POST", V1 "/events/batch", EDITOR, KAL_RATE_EVENTS, kal_route_events_batch, {0}, BATCH_BODY,
     DOES("Take many events in", EVENT_BATCH, 202, BARE, EVENT_BATCH_ANSWER)},
    {"POST", V1 "/flows/:id/trigger", EDITOR, KAL_RATE_TRIGGER, kal_route_trigger, {0}, BATCH_BODY,
     DOES("Start the flow for customers", TRIGGER, 201, BARE, TRIGGER_ANSWER)},

    {"GET", V1 "/flows", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_FLOW_LIST, 0, {CURSOR, LIMIT, FLOW_STATUS}, 0}, 0,
     SHOWS("Flows, newest first", FLOW)},
    {"POST", V1 "/flows", EDITOR, API, kal_route_flows_create, {0}, 0,
     DOES("Make a draft flow", FLOW_NEW, 201, DATA, FLOW)},
    {"GET", V1 "/flows/:id", VIEWER, API, NULL, {KAL_READ_ONE, KAL_SQL_API_FLOW_GET, 0, {ID}, 0},
     0, SHOWS("A flow", FLOW)},
    {"PUT", V1 "/flows/:id", EDITOR, API, kal_route_flows_update, {0}, 0,
     DOES("Edit a draft flow", FLOW_CHANGE, 200, DATA, FLOW)},
    {"DELETE", V1 "/flows/:id", EDITOR, API, kal_route_flows_delete, {0}, 0,
     DELETES("Delete a draft flow with its versions")},
    {"POST", V1 "/flows/:id/activate", EDITOR, API, kal_route_flows_activate, {0}, 0,
     DOES("Publish the newest draft version and make the flow active", NONE, 200, DATA, FLOW)},
    {"POST", V1 "/flows/:id/pause", EDITOR, API, kal_route_flows_pause, {0}, 0,
     DOES("Pause a flow: nothing of it starts, wakes or sends", NONE, 200, DATA, FLOW)},
    {"POST", V1 "/flows/:id/resume", EDITOR, API, kal_route_flows_resume, {0}, 0,
     DOES("Resume a paused flow, its timers shifted by the pause", NONE, 200, DATA, FLOW)},
    {"POST", V1 "/flows/:id/archive", EDITOR, API, kal_route_flows_archive, {0}, 0,
     DOES("Archive a flow and exit its live instances", NONE, 200, DATA, FLOW)},
    {"GET", V1 "/flows/:id/versions", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_VERSION_LIST, KAL_SQL_API_FLOW_EXISTS,
      {ID, {KAL_PARAM_CURSOR_INT, NULL}, LIMIT}, 0}, 0,
     SHOWS("A flow's versions by number", VERSION)},
    {"POST", V1 "/flows/:id/versions", EDITOR, API, kal_route_versions_create, {0}, 0,
     DOES("Save a graph as the flow's next draft version, unchecked", VERSION_NEW, 201, DATA,
          VERSION)},
    {"GET", V1 "/flows/:id/versions/:n", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_VERSION_GET, 0, {ID, VERSION}, 0}, 0,
     SHOWS("A version of a flow", VERSION)},
    {"GET", V1 "/flows/:id/instances", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_INSTANCE_LIST, KAL_SQL_API_FLOW_EXISTS,
      {ID, CURSOR, LIMIT, TEXT("status"), {KAL_PARAM_INT, "version"}, NOW},
      KAL_SQL_API_INSTANCE_OF_CUSTOMER}, 0,
     SHOWS("A flow's instances, newest first", INSTANCE)},

    {"POST", V1 "/flows/:id/duplicate", EDITOR, API, kal_route_flows_duplicate, {0}, 0,
     DOES("Copy a flow and its newest graph as a draft", NONE, 201, DATA, FLOW)},

    /* What lies below /flows/:id lies below /journeys/:id too. */
    {"GET", V1 "/journeys", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_JOURNEY_LIST, 0, {CURSOR, LIMIT, FLOW_STATUS, TEXT("tag")}, 0}, 0,
     SHOWS("Journeys, newest first", JOURNEY)},
    {"POST", V1 "/journeys", EDITOR, API, kal_route_journeys_create, {0}, 0,
     DOES("Make a draft journey around a flow", JOURNEY_NEW, 201, DATA, JOURNEY)},
    {"GET", V1 "/journeys/:id", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_JOURNEY_GET, 0, {ID}, 0}, 0, SHOWS("A journey", JOURNEY)},
    {"PUT", V1 "/journeys/:id", EDITOR, API, kal_route_journeys_update, {0}, 0,
     DOES("Edit a draft journey", JOURNEY_CHANGE, 200, DATA, JOURNEY)},
    {"DELETE", V1 "/journeys/:id", EDITOR, API, kal_route_journeys_delete, {0}, 0,
     DELETES("Delete a draft journey; its flow stays")},
    {"POST", V1 "/journeys/:id/launch", EDITOR, API, kal_route_flows_activate, {0}, 0,
     DOES("Launch a journey: activate its flow", NONE, 200, DATA, JOURNEY)},

    {"GET", V1 "/instances/:id", VIEWER, API, kal_route_instances_get, {0}, 0,
     DOES("An instance with its steps", NONE, 200, BARE, INSTANCE_DETAIL)},
    {"GET", V1 "/instances/:id/timeline", VIEWER, API, NULL, STEPS, 0,
     SHOWS("An instance's steps by time", STEP)},
    {"GET", V1 "/instances/:id/trace", VIEWER, API, NULL, STEPS, 0,
     SHOWS("The same as the timeline", STEP)},
    {"GET", V1 "/instances/:id/explain", VIEWER, API, kal_route_instances_explain, {0}, 0,
     DOES("Why an instance is where it is", NONE, 200, DATA, EXPLANATION)},
    {"POST", V1 "/instances/:id/cancel", EDITOR, API, kal_route_instances_cancel, {0}, 0,
     DOES("End a live instance", NONE, 200, BARE, INSTANCE_DETAIL)},
    {"POST", V1 "/instances/:id/exit", EDITOR, API, kal_route_instances_exit, {0}, 0,
     DOES("End a live instance with a reason", INSTANCE_EXIT, 200, BARE, INSTANCE_DETAIL)},
    {"POST", V1 "/instances/:id/pause", EDITOR, API, kal_route_instances_pause, {0}, 0,
     DOES("Pause an instance: its timers stand, its events are held", NONE, 200, BARE,
          INSTANCE_DETAIL)},
    {"POST", V1 "/instances/:id/resume", EDITOR, API, kal_route_instances_resume, {0}, 0,
     DOES("Resume a paused instance", NONE, 200, BARE, INSTANCE_DETAIL)},
    {"POST", V1 "/instances/:id/retry", EDITOR, API, kal_route_instances_retry, {0}, 0,
     DOES("Run a failed instance again from its failed node", NONE, 200, BARE, INSTANCE_DETAIL)},

    {"GET", V1 "/customers", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_CUSTOMER_LIST, 0,
      {CURSOR, LIMIT, TEXT("external_id"), TEXT("email"), TEXT("tag")}, 0}, 0,
     SHOWS("Customers, newest first", CUSTOMER)},
    {"POST", V1 "/customers", EDITOR, API, kal_route_customers_create, TAKES(TEXT("upsert")), 0,
     {"Make a customer; with upsert=true, change the one that is there", KAL_SCHEMA_CUSTOMER_NEW,
      201, 200, KAL_ANSWER_DATA, KAL_SCHEMA_CUSTOMER}},
    {"GET", V1 "/customers/:id", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_CUSTOMER_GET, 0, {CUSTOMER}, 0}, 0,
     SHOWS("A customer", CUSTOMER)},
    {"PUT", V1 "/customers/:id", EDITOR, API, kal_route_customers_update, TAKES(CUSTOMER), 0,
     DOES("Change a customer", CUSTOMER_CHANGE, 200, DATA, CUSTOMER)},
    {"DELETE", V1 "/customers/:id", EDITOR, API, kal_route_customers_delete,
     TAKES(CUSTOMER, TEXT("erase")), 0,
     DELETES("Delete a customer; with erase=true, end its instances and erase its data")},
    {"GET", V1 "/customers/:id/profile", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_CUSTOMER_PROFILE, 0, {CUSTOMER}, 0}, 0,
     SHOWS("What is known of a customer", PROFILE)},
    {"PATCH", V1 "/customers/:id/profile", EDITOR, API, kal_route_customers_patch_profile,
     TAKES(CUSTOMER), 0,
     DOES("Change what is known of a customer", PROFILE_CHANGE, 200, DATA, PROFILE)},
    {"GET", V1 "/customers/:id/journeys", VIEWER, API, NULL,
     {KAL_READ_LIST_OF, KAL_SQL_API_CUSTOMER_INSTANCES, KAL_SQL_API_CUSTOMER_FIND,
      {CUSTOMER, CURSOR, LIMIT, NOW}, 0}, 0,
     SHOWS("A customer's walks through flows, newest first", CUSTOMER_WALK)},
    {"POST", V1 "/customers/:id/tags", EDITOR, API, kal_route_customers_tag, TAKES(CUSTOMER), 0,
     DOES("Add tags to a customer", TAGS, 200, DATA, CUSTOMER)},
    {"DELETE", V1 "/customers/:id/tags", EDITOR, API, kal_route_customers_untag, TAKES(CUSTOMER), 0,
     DOES("Take tags from a customer", TAGS, 200, DATA, CUSTOMER)},
    {"PUT", V1 "/customers/:id/preferences", EDITOR, API, kal_route_customers_preferences,
     TAKES(CUSTOMER), 0,
     DOES("Merge preferences into a customer's", PREFERENCES, 200, DATA, CUSTOMER)},

    {"POST", V1 "/webhooks/:id", OPEN, KAL_RATE_TRIGGER, kal_route_webhooks_enter, {0}, 0,
     DOES("Start a flow by its entry webhook: with a key, or signed when the flow has a secret",
          WEBHOOK, 202, DATA, WEBHOOK_ANSWER)},

    {"GET", V1 "/segments", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_SEGMENT_LIST, 0, {CURSOR, LIMIT, TEXT("type")}, 0}, 0,
     SHOWS("Segments, newest first", SEGMENT)},
    {"POST", V1 "/segments", EDITOR, API, kal_route_segments_create, {0}, 0,
     DOES("Make a segment", SEGMENT_NEW, 201, DATA, SEGMENT)},
    {"GET", V1 "/segments/:id", VIEWER, API, NULL,
     {KAL_READ_ONE, KAL_SQL_API_SEGMENT_GET, 0, {ID}, 0}, 0, SHOWS("A segment", SEGMENT)},
    {"PUT", V1 "/segments/:id", EDITOR, API, kal_route_segments_update, {0}, 0,
     DOES("Change a segment", SEGMENT_CHANGE, 200, DATA, SEGMENT)},
    {"DELETE", V1 "/segments/:id", EDITOR, API, kal_route_segments_delete, {0}, 0,
     DELETES("Delete a segment that no running flow uses")},
    {"POST", V1 "/segments/:id/evaluate", EDITOR, API, kal_route_segments_evaluate, {0}, 0,
     DOES("Tell whether a customer is in a segment", SEGMENT_QUESTION, 200, DATA, MEMBERSHIP)},
    {"GET", V1 "/segments/:id/members", VIEWER, API, kal_route_segments_members,
     TAKES(CURSOR, LIMIT), 0,
     DOES("Customers in a segment, newest first", NONE, 200, LIST, CUSTOMER)},
    {"POST", V1 "/segments/:id/members", EDITOR, API, kal_route_segments_add, {0}, BATCH_BODY,
     DOES("Put customers into a static segment", MEMBERS, 200, DATA, MEMBERS_ADDED)},
    {"DELETE", V1 "/segments/:id/members", EDITOR, API, kal_route_segments_remove, {0}, BATCH_BODY,
     DOES("Take customers out of a static segment", MEMBERS, 204, EMPTY, NONE)},

    {"GET", V1 "/node-types", VIEWER, API, kal_route_node_types, {0}, 0,
     DOES("The node types, all on one page", NONE, 200, LIST, NODE_TYPE)},
    {"GET", V1 "/node-types/:type", VIEWER, API, kal_route_node_type, {0}, 0,
     DOES("A node type", NONE, 200, DATA, NODE_TYPE)},

    {"GET", V1 "/plugins", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_PLUGIN_LIST, 0, {CURSOR, LIMIT}, 0}, 0,
     SHOWS("Node types of the tenant's own, newest first", PLUGIN)},
    {"POST", V1 "/plugins", EDITOR, API, kal_route_plugins_create, {0}, 0,
     DOES("Upload a node type: new, or the next of its kind", PLUGIN_NEW, 201, DATA, PLUGIN)},
    {"GET", V1 "/plugins/:type", VIEWER, API, kal_route_plugins_get, {0}, 0,
     DOES("A node type of the tenant's own", NONE, 200, DATA, PLUGIN)},
    {"DELETE", V1 "/plugins/:type", EDITOR, API, kal_route_plugins_delete, {0}, 0,
     DELETES("Delete a node type that no running flow uses")},

    {"GET", V1 "/clock", VIEWER, API, kal_route_clock_show, {0}, 0,
     DOES("The virtual clock", NONE, 200, DATA, CLOCK)},
    {"POST", V1 "/clock/advance", VIEWER, API, kal_route_clock_advance, {0}, 0,
     DOES("Move the virtual clock on", CLOCK_ADVANCE, 200, DATA, CLOCK)},

    {"GET", V1 "/tenant", VIEWER, API, kal_route_tenant_get, {0}, 0,
     DOES("The caller's tenant, without secrets", NONE, 200, DATA, TENANT)},
    {"PUT", V1 "/tenant", ADMIN, API, kal_route_tenant_update, {0}, 0,
     DOES("Merge settings into the caller's tenant's", TENANT_CHANGE, 200, DATA, TENANT)},
    {"GET", V1 "/api-keys", VIEWER, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_KEY_LIST, 0, {CURSOR, LIMIT}, 0}, 0,
     SHOWS("API keys, newest first, without their texts", API_KEY)},
    {"POST", V1 "/api-keys", ADMIN, API, kal_route_keys_create, {0}, 0,
     DOES("Make an API key, whose text is shown this once", API_KEY_NEW, 201, DATA, API_KEY_MADE)},
    {"GET", V1 "/api-keys/:id", VIEWER, API, NULL, {KAL_READ_ONE, KAL_SQL_API_KEY_GET, 0, {ID}, 0},
     0, SHOWS("An API key, without its text", API_KEY)},
    {"PUT", V1 "/api-keys/:id", ADMIN, API, kal_route_keys_update, {0}, 0,
     DOES("Change an API key's name, role or end", API_KEY_CHANGE, 200, DATA, API_KEY)},
    {"DELETE", V1 "/api-keys/:id", ADMIN, API, kal_route_keys_revoke, {0}, 0,
     DELETES("Revoke an API key")},
    {"GET", V1 "/usage", VIEWER, API, kal_route_usage, {0}, 0,
     DOES("What the tenant has used", NONE, 200, DATA, USAGE)},
    {"GET", V1 "/audit-log", ADMIN, API, NULL,
     {KAL_READ_LIST, KAL_SQL_API_AUDIT_LIST, 0,
      {{KAL_PARAM_CURSOR_INT, NULL}, LIMIT, TEXT("action"), TEXT("object_type"),
       TEXT("object_id"), TEXT("actor"), TIME("from"), TIME("to")}, 0}, 0,
     SHOWS("Changes of configuration, newest first", AUDIT_ENTRY)},

    {"POST", V1 "/admin/tenants", OPERATOR, KAL_RATE_NONE, kal_route_tenants_create, {0}, 0,
     DOES("Make a tenant with an admin key, shown this once", TENANT_NEW, 201, DATA, TENANT_MADE)},
    {"GET", V1 "/admin/tenants/:id", OPERATOR, KAL_RATE_NONE, kal_route_tenants_get, {0}, 0,
     DOES("A tenant", NONE, 200, DATA, TENANT)},
    {"PUT", V1 "/admin/tenants/:id", OPERATOR, KAL_RATE_NONE, kal_route_tenants_update, {0}, 0,
     DOES("Merge settings into a tenant's", TENANT_CHANGE, 200, DATA, TENANT)},

    {"GET", V1 "/openapi.json", OPEN, KAL_RATE_NONE, kal_route_openapi, {0}, 0,
     {"This document", KAL_SCHEMA_NONE, 200, 304, KAL_ANSWER_BARE, KAL_SCHEMA_OPENAPI}},
    {"GET", "/docs", OPEN, KAL_RATE_NONE, kal_route_docs, {0}, 0,
     {"This document as a page", KAL_SCHEMA_NONE, 200, 304, KAL_ANSWER_HTML, KAL_SCHEMA_NONE}},
    {"GET", "/health", OPEN, KAL_RATE_NONE, kal_route_health, {0}, 0,
     DOES("Whether the process answers", NONE, 200, BARE, HEALTH)},
    {"GET", "/health/ready", OPEN, KAL_RATE_NONE, kal_route_health_ready, {0}, 0,
     {"Whether the process serves its shards", KAL_SCHEMA_NONE, 200, 503, KAL_ANSWER_BARE,
      KAL_SCHEMA_READY}},
    {"GET", "/info", OPEN, KAL_RATE_NONE, kal_route_info, {0}, 0,
     DOES("The program and its version", NONE, 200, BARE, INFO)},
    {"GET", "/metrics", OPEN, KAL_RATE_NONE, kal_route_metrics, {0}, 0,
     DOES("Metrics for Prometheus", NONE, 200, TEXT, NONE)},
};
/* clang-format on */

const kal_route *kal_routes(size_t *count)
{
    *count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}
