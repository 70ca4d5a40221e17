#include "api/files/plan.h"

#include "api/check.h"
#include "api/files/folder.h"
#include "api/files/refs.h"
#include "api/flow_body.h"
#include "api/journey_body.h"
#include "api/segment_body.h"
#include "base/alloc.h"
#include "store/pool.h"

#include <stdio.h>
#include <string.h>

#define BODY_MOST ((size_t)1 << 20) /* of a request: section 1 of spec/flows.md */

/* The call under way; `at` counts its statements. */
typedef struct batch {
    kal_pg_call *call;
    kal_uuid tenant;
    int64_t now_ms;
    size_t at;
    bool shards_must_know; /* of what flows that run refer to */
} batch;

/* What a kind has of its own. */
typedef struct acts {
    void (*check)(kal_plan *plan, const kal_plan_row *row, kal_lua *lua);
    void (*add)(batch *b, kal_plan_row *row);
    /* Where the operator goes from there; id is that of the item, or ":id". */
    void (*next)(const kal_plan_row *row, const char *id, kal_buf *out);
} acts;

static bool is_changed(const kal_plan_row *row, const char *field)
{
    for (size_t i = 0; i < json_array_size(row->changed); i++)
        if (strcmp(json_string_value(json_array_get(row->changed, i)), field) == 0)
            return true;
    return false;
}

/* Something besides the graph. */
static bool is_edited(const kal_plan_row *row)
{
    return json_array_size(row->changed) > (is_changed(row, "graph") ? 1u : 0u);
}

/* A number is one that the item would get here too: there is none behind a gap. */
static void match(kal_plan *plan, const kal_items *wanted, size_t at, const kal_items *there,
                  int64_t now_ms)
{
    kal_item *item = &wanted->list[at];
    kal_plan_row *row = &plan->rows[at];
    kal_str name = kal_item_name(item);
    const kal_item *before = at ? item - 1 : NULL;

    row->wanted = item;
    row->there = kal_items_find(there, item->kind, name, item->number);
    item->id = row->there ? row->there->id : kal_uuid_new(now_ms);
    bool follows = before && before->kind == item->kind && kal_str_eq(kal_item_name(before), name);
    if (follows && before->number == item->number)
        kal_folder_problem(plan->problems, item->file, "another file has this name and number");
    else if (!row->there && item->number > 1 + kal_items_named(there, item->kind, name) &&
             !(follows && before->number == item->number - 1))
        kal_folder_problem(plan->problems, item->file, "number: there is none before it");
}

static void add_errors(kal_plan *plan, const kal_item *item, json_t *errors)
{
    const char *field;
    json_t *list, *problem;
    size_t i;

    json_object_foreach(errors, field, list)
    {
        json_array_foreach(list, i, problem)
        {
            kal_buf text = {0};
            kal_buf_printf(&text, "%s: %s", field, json_string_value(problem));
            kal_folder_problem(plan->problems, item->file, text.data);
            kal_buf_deinit(&text);
        }
    }
    json_decref(errors);
}

static void check_segment(kal_plan *plan, const kal_plan_row *row, kal_lua *lua)
{
    const json_t *there = row->there ? row->there->object : NULL;
    json_t *errors =
        kal_segment_body_check(lua, row->body, json_string_value(json_object_get(there, "type")));

    if (row->wanted->number > 1)
        kal_check_add(errors, "name", KAL_TAKEN);
    add_errors(plan, row->wanted, errors);
}

static void add_segment(batch *b, kal_plan_row *row)
{
    if (row->action == KAL_PLAN_CREATE) {
        kal_segment_body_create(b->call, row->wanted->id, b->tenant, row->body, b->now_ms);
        b->at++;
        return;
    }
    kal_segment_body_update(b->call, row->wanted->id, row->body, b->now_ms);
    row->guard = b->at++;
    b->shards_must_know = true;
}

static void next_of_segment(const kal_plan_row *row, const char *id, kal_buf *out)
{
    (void)row, (void)id, (void)out; /* it is in force */
}

static void check_flow(kal_plan *plan, const kal_plan_row *row, kal_lua *lua)
{
    kal_buf text = {0};

    add_errors(plan, row->wanted, kal_flow_body_check(lua, row->body, true));
    if (json_is_null(json_object_get(row->body, "graph")))
        return;
    add_errors(plan, row->wanted, kal_flow_body_check_version(row->body));
    kal_json_write(&text, row->body);
    if (text.len > BODY_MOST)
        kal_folder_problem(plan->problems, row->wanted->file, "is over 1 MiB without its spaces");
    kal_buf_deinit(&text);
}

static void add_flow(batch *b, kal_plan_row *row)
{
    kal_uuid id = row->wanted->id;

    if (row->action == KAL_PLAN_CREATE) {
        kal_flow_body_create(b->call, id, b->tenant, row->body, b->now_ms);
        b->at++;
    } else if (is_edited(row)) {
        kal_flow_body_update(b->call, id, row->body, b->now_ms);
        row->guard = b->at++;
    }
    if (!row->version)
        return;
    json_object_set_new(row->body, "changelog", json_string("kalcifer apply"));
    kal_flow_body_version(b->call, id, row->body, b->now_ms);
    if (!row->guard)
        row->guard = b->at;
    b->at += 2;
}

static void next_of_flow(const kal_plan_row *row, const char *id, kal_buf *out)
{
    if (row->version)
        kal_buf_printf(
            out, "; draft version %lld created; activate it by POST /api/v1/flows/%s/activate",
            (long long)row->version, id);
}

static void check_journey(kal_plan *plan, const kal_plan_row *row, kal_lua *lua)
{
    (void)lua;
    if (!json_is_object(json_object_get(row->wanted->object, "flow_id")))
        kal_folder_problem(plan->problems, row->wanted->file,
                           "flow_id: must name its flow, as {\"flow\": \"Welcome\"}");
    add_errors(plan, row->wanted, kal_journey_body_check(row->body, true));
}

static void add_journey(batch *b, kal_plan_row *row)
{
    kal_uuid flow = {0};

    (void)kal_uuid_parse(kal_json_get_str(row->body, "flow_id"), &flow); /* resolved by now */
    if (row->action == KAL_PLAN_CREATE)
        kal_journey_body_create(b->call, row->wanted->id, flow, row->body, b->now_ms);
    else
        kal_journey_body_update(b->call, row->wanted->id, &flow, row->body, b->now_ms);
    row->guard = b->at++;
}

static void next_of_journey(const kal_plan_row *row, const char *id, kal_buf *out)
{
    if (row->action == KAL_PLAN_CREATE)
        kal_buf_printf(out, "; draft; launch it by POST /api/v1/journeys/%s/launch", id);
}

static const acts *acts_of(const kal_item *item)
{
    static const acts all[] = {
        /* In the order of kal_item_kinds. */
        {check_segment, add_segment, next_of_segment},
        {check_flow, add_flow, next_of_flow},
        {check_journey, add_journey, next_of_journey},
    };
    size_t count;

    return &all[item->kind - kal_item_kinds(&count)];
}

static void compare(kal_plan_row *row)
{
    const kal_item *there = row->there;

    for (const kal_item_field *f = row->wanted->kind->fields; there && f->name; f++) {
        const json_t *value = json_object_get(row->wanted->object, f->name);
        bool is_left = strcmp(f->name, "graph") == 0 && json_is_null(value);
        if (!is_left && !kal_json_equal(value, json_object_get(there->object, f->name)))
            json_array_append_new(row->changed, json_string(f->name));
    }
    if (!there)
        row->action = KAL_PLAN_CREATE;
    else if (json_array_size(row->changed) > 0)
        row->action = KAL_PLAN_UPDATE;
    bool has_graph = json_is_object(json_object_get(row->body, "graph"));
    if (there ? is_changed(row, "graph") : has_graph)
        row->version = 1 + (there ? there->last_version : 0);
}

/* Only drafts are edited; a graph makes a version of a flow that runs, too. */
static void check_state(kal_plan *plan, const kal_plan_row *row)
{
    if (!row->there || row->there->is_draft)
        return;
    for (size_t i = 0; i < json_array_size(row->changed); i++) {
        const char *field = json_string_value(json_array_get(row->changed, i));
        kal_buf text = {0};
        if (strcmp(field, "graph") == 0)
            continue;
        kal_buf_printf(&text, "%s: cannot change, for the %s is no draft any more", field,
                       row->wanted->kind->name);
        kal_folder_problem(plan->problems, row->wanted->file, text.data);
        kal_buf_deinit(&text);
    }
}

static void examine(kal_plan *plan, kal_plan_row *row, const kal_items *wanted,
                    const kal_items *there, kal_lua *lua)
{
    row->body = json_deep_copy(row->wanted->object);
    row->changed = json_array();
    kal_refs_resolve(row->body, wanted, there, row->wanted->file, plan->problems);
    acts_of(row->wanted)->check(plan, row, lua);
    compare(row);
    check_state(plan, row);
}

/* A flow has one journey: no two of the files name it, nor a file and a journey without one. */
static void check_shared(kal_plan *plan, const kal_plan_row *row, const kal_items *there)
{
    const json_t *flow = json_object_get(row->wanted->object, "flow_id");
    bool taken = false;

    if (!flow || row->action == KAL_PLAN_UNCHANGED)
        return;
    for (size_t i = 0; i < plan->n; i++)
        taken |= &plan->rows[i] != row && plan->rows[i].wanted->kind == row->wanted->kind &&
                 kal_json_equal(flow, json_object_get(plan->rows[i].wanted->object, "flow_id"));
    for (size_t i = 0; i < there->n; i++) {
        const kal_item *other = &there->list[i];
        bool has_file = false;
        for (size_t k = 0; k < plan->n; k++)
            has_file |= plan->rows[k].there == other;
        taken |= !has_file && other->kind == row->wanted->kind &&
                 kal_json_equal(flow, json_object_get(other->object, "flow_id"));
    }
    if (taken)
        kal_folder_problem(plan->problems, row->wanted->file, "flow_id: has already been taken");
}

kal_plan *kal_plan_new(kal_items *wanted, const kal_items *there, json_t *problems, kal_lua *lua,
                       int64_t now_ms)
{
    kal_plan *plan = kal_calloc(1, sizeof(*plan));

    kal_items_sort(wanted);
    plan->n = wanted->n;
    plan->rows = kal_calloc(wanted->n + 1, sizeof(*plan->rows));
    plan->problems = problems;
    for (size_t i = 0; i < plan->n; i++)
        match(plan, wanted, i, there, now_ms);
    for (size_t i = 0; i < plan->n; i++)
        examine(plan, &plan->rows[i], wanted, there, lua);
    for (size_t i = 0; i < plan->n; i++)
        check_shared(plan, &plan->rows[i], there);
    return plan;
}

void kal_plan_free(kal_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->n; i++) {
        json_decref(plan->rows[i].changed);
        json_decref(plan->rows[i].body);
    }
    json_decref(plan->problems);
    kal_free(plan->rows);
    kal_free(plan);
}

size_t kal_plan_count(const kal_plan *plan, kal_plan_action action)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        n += plan->rows[i].action == action;
    return n;
}

kal_pg_call *kal_plan_call(kal_plan *plan, kal_uuid tenant, int64_t now_ms)
{
    batch b = {.tenant = tenant, .now_ms = now_ms, .at = 1};

    if (kal_plan_count(plan, KAL_PLAN_UNCHANGED) == plan->n)
        return NULL;
    b.call = kal_pool_tenant_call(tenant);
    for (size_t i = 0; i < plan->n; i++)
        if (plan->rows[i].action != KAL_PLAN_UNCHANGED)
            acts_of(plan->rows[i].wanted)->add(&b, &plan->rows[i]);
    if (b.shards_must_know)
        kal_pg_call_add_one(b.call, KAL_SQL_API_TENANT_CHANGED, kal_v_uuid(tenant));
    return b.call;
}

static const char *word(kal_plan_action action)
{
    return action == KAL_PLAN_CREATE   ? "create"
           : action == KAL_PLAN_UPDATE ? "update"
                                       : "unchanged";
}

void kal_plan_text(const kal_plan *plan, bool dry_run, kal_buf *out)
{
    for (size_t i = 0; i < plan->n; i++) {
        const kal_plan_row *row = &plan->rows[i];
        char id[KAL_UUID_TEXT + 1] = ":id"; /* what a dry run would make has nobody's */
        if (row->there || !dry_run)
            kal_uuid_format(row->wanted->id, id);
        kal_buf_printf(out, "%-9s %s ", word(row->action), row->wanted->file);
        kal_json_write(out, json_object_get(row->wanted->object, "name"));
        for (size_t k = 0; k < json_array_size(row->changed); k++)
            kal_buf_printf(out, "%s%s", k ? ", " : ": ",
                           json_string_value(json_array_get(row->changed, k)));
        acts_of(row->wanted)->next(row, id, out);
        kal_buf_putc(out, '\n');
    }
    kal_buf_printf(out, "%zu to create, %zu to update, %zu unchanged%s",
                   kal_plan_count(plan, KAL_PLAN_CREATE), kal_plan_count(plan, KAL_PLAN_UPDATE),
                   kal_plan_count(plan, KAL_PLAN_UNCHANGED),
                   dry_run ? "; a dry run changes nothing" : "; done");
}

json_t *kal_plan_json(const kal_plan *plan, bool dry_run)
{
    json_t *changes = json_array();

    for (size_t i = 0; i < plan->n; i++) {
        const kal_plan_row *row = &plan->rows[i];
        char id[KAL_UUID_TEXT + 1];
        kal_uuid_format(row->wanted->id, id);
        json_t *change =
            json_pack("{s:s, s:s, s:O, s:s, s:O}", "action", word(row->action), "kind",
                      row->wanted->kind->name, "name", json_object_get(row->wanted->object, "name"),
                      "file", row->wanted->file, "changed", row->changed);
        if (row->there || !dry_run)
            json_object_set_new(change, "id", json_string(id));
        if (row->version)
            json_object_set_new(change, "version", json_integer(row->version));
        json_array_append_new(changes, change);
    }
    return json_pack("{s:b, s:o, s:O}", "dry_run", dry_run, "changes", changes, "problems",
                     plan->problems);
}
