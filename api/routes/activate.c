/* POST /flows/:id/activate, which is a journey's launch too: reads the highest draft version,
 * checks its graph, then publishes it and moves the flow in one transaction that refuses when
 * anything moved in between; then it begins again. */
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"
#include "base/alloc.h"
#include "flow/graph.h"
#include "flow/rules.h"

#include <stdio.h>
#include <string.h>

#define TRIES 5

static void begin(kal_request *request);

static void on_published(kal_request *request, const kal_pg_reply *reply)
{
    if (strcmp(reply->sqlstate, "KL002") == 0 && ++request->number < TRIES) {
        begin(request);
        return;
    }
    if (strcmp(reply->sqlstate, "KL002") == 0)
        kal_reply_error(request, KAL_ERR_INVALID_TRANSITION, "the flow keeps changing");
    else if (!kal_lifecycle_failed(request, reply))
        kal_lifecycle_changed(request, kal_pg_str(reply->rows[reply->count - 1], 0, 0));
}

/* Ends the call with the launch of the journey that the path named, if any, and what is shown. */
static void finish(kal_request *request, kal_pg_call *call, kal_uuid flow)
{
    if (!kal_uuid_is_nil(request->journey)) {
        kal_args *args = kal_args_new();
        kal_args_add(args, kal_v_uuid(request->journey));
        kal_args_add(args, kal_v_uuid(flow));
        kal_args_add(args, kal_v_time(kal_request_now(request)));
        kal_pg_call_add(call, KAL_SQL_API_JOURNEY_LAUNCH, args);
    }
    kal_lifecycle_show(call, request, flow);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_published);
}

/* Launches a journey that was made around a flow which ran, or paused, already. */
static void join(kal_request *request, kal_uuid flow)
{
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);

    kal_lifecycle_move(call, KAL_SQL_API_FLOW_RESUME, request, flow);
    finish(request, call, flow);
}

typedef struct draft {
    kal_uuid flow;
    kal_str status;
    bool has_active;
    int64_t active, number;
    json_t *own; /* the tenant's own types of its graph, {type: hash} */
} draft;

static void add_json(kal_args *args, json_t *value)
{
    kal_buf text = {0};

    kal_json_write(&text, value);
    kal_args_add(args, kal_v_str(KAL_JSON, (kal_str){text.data, text.len}));
    kal_buf_deinit(&text);
    json_decref(value);
}

/* None of them is deleted before the version that has them is there. */
static void add_hold(kal_request *request, kal_pg_call *call, const json_t *own)
{
    size_t n = 0;
    const char *type;
    json_t *hash;
    kal_value *types = kal_alloc((json_object_size(own) + 1) * sizeof(*types));

    json_object_foreach((json_t *)(uintptr_t)own, type, hash) types[n++] = kal_v_text(type);
    kal_args *lock = kal_args_new();
    kal_args_add(lock, kal_v_uuid(request->caller.tenant));
    kal_args_add_array(lock, KAL_TEXT, types, n);
    kal_pg_call_add(call, KAL_SQL_API_PLUGIN_LOCK, lock);
    kal_free(types);
}

/* The artefacts are those of the state that the graph was compiled with. */
static void publish(kal_request *request, const draft *d, const kal_graph *graph)
{
    const kal_lua *lua = kal_engine_lua(request->thread->engine);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    json_t *plugins = kal_graph_plugins(graph);
    kal_buf who = {0};

    if (json_object_size(d->own))
        add_hold(request, call, d->own);
    kal_request_actor(request, &who);
    kal_args_add(args, kal_v_uuid(d->flow));
    kal_args_add(args, kal_v_int(KAL_INT4, d->number));
    kal_args_add(args, kal_v_str(KAL_TEXT, d->status));
    kal_args_add(args, d->has_active ? kal_v_int(KAL_INT4, d->active) : kal_v_null(KAL_INT4));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    add_json(args, kal_graph_types(graph));
    kal_args_add(args, kal_v_text(who.data));
    json_t *artefacts = kal_lua_artefacts(lua, plugins);
    add_json(args, plugins);
    add_json(args, artefacts);
    add_json(args, json_incref(d->own));
    kal_pg_call_add(call, KAL_SQL_API_FLOW_PUBLISH, args);
    kal_buf_deinit(&who);
    finish(request, call, d->flow);
}

/* The flow's own rules, as they are stored. Those of a flow that was activated cannot be changed
 * any more: to refuse them then would leave no way out. */
static void check_rules(kal_lua *lua, const kal_pg_rows *rows, json_t *problems)
{
    char error[160];

    if (!kal_pg_null(rows, 0, 1))
        return;
    json_t *entry = kal_json_parse(kal_pg_str(rows, 0, 4), error);
    json_t *exits = kal_json_parse(kal_pg_str(rows, 0, 5), error);
    kal_rules_entry(entry, "flow: /entry_config", problems);
    kal_rules_exit(lua, exits, "flow: /exit_criteria", problems);
    json_decref(entry);
    json_decref(exits);
}

/* The tenant's own types of the graph, {type: hash}, whose code the state knows until it is told to
 * forget it. */
static json_t *own_types(kal_lua *lua, const kal_pg_rows *rows)
{
    char error[160];
    const char *type;
    json_t *given, *pins = json_object();
    json_t *own = kal_pg_null(rows, 0, 6) ? NULL : kal_json_parse(kal_pg_str(rows, 0, 6), error);

    json_object_foreach(own, type, given)
    {
        kal_lua_keep(lua, kal_json_get_str(given, "hash"), kal_json_get_str(given, "artefact"));
        json_object_set(pins, type, json_object_get(given, "hash"));
    }
    json_decref(own);
    return pins;
}

/* A right graph, compiled; NULL when it has answered with the problems. */
static kal_graph *check(kal_request *request, const json_t *graph, const json_t *own,
                        const kal_pg_rows *rows)
{
    kal_lua *lua = kal_engine_lua(request->thread->engine);
    json_t *problems = json_array();
    kal_graph *compiled = NULL;

    kal_graph_check(lua, graph, own, problems);
    check_rules(lua, rows, problems);
    if (json_array_size(problems) > 0)
        kal_reply_errors(request, KAL_ERR_INVALID_GRAPH, json_pack("{s:O}", "graph", problems));
    else if (!(compiled = kal_graph_new(lua, graph, own, NULL)))
        kal_reply_error(request, KAL_ERR_INTERNAL,
                        "the graph was found right but does not compile");
    json_decref(problems);
    return compiled;
}

static void on_draft(kal_request *request, const kal_pg_reply *reply)
{
    draft d = {0};
    char error[160];

    if (kal_reply_failed(request, reply) || !kal_request_uuid(request, 0, &d.flow))
        return;
    const kal_pg_rows *rows = reply->rows[1];
    if (kal_pg_count(rows) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    d.status = kal_pg_str(rows, 0, 0);
    d.has_active = !kal_pg_null(rows, 0, 1);
    d.active = kal_pg_int(rows, 0, 1);
    d.number = kal_pg_int(rows, 0, 2);
    if (kal_str_is(d.status, "archived")) {
        kal_reply_error(request, KAL_ERR_INVALID_TRANSITION, NULL);
    } else if (kal_pg_null(rows, 0, 2) && request->unlaunched && d.has_active) {
        join(request, d.flow);
    } else if (kal_pg_null(rows, 0, 2)) {
        kal_lifecycle_tell(request); /* published, perhaps, by one whose answer was lost */
        kal_reply_error(request, KAL_ERR_NO_DRAFT_VERSION, NULL);
    } else {
        json_t *graph = kal_json_parse(kal_pg_str(rows, 0, 3), error);
        kal_lua *lua = kal_engine_lua(request->thread->engine);
        d.own = own_types(lua, rows);
        kal_graph *compiled = check(request, graph, d.own, rows);
        if (compiled)
            publish(request, &d, compiled);
        kal_graph_free(compiled);
        kal_lua_forget_own(lua, d.own);
        json_decref(d.own);
        json_decref(graph);
    }
}

static void begin(kal_request *request)
{
    kal_uuid flow;

    if (!kal_request_uuid(request, 0, &flow))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_FLOW_DRAFT, kal_v_uuid(flow));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_draft);
}

void kal_route_flows_activate(kal_request *request)
{
    begin(request);
}
