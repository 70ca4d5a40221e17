/* Who is in a segment: one customer asked about, all of them page by page, and the lists of static
 * segments. A page of a dynamic one looks at a bounded number of customers, so it may hold fewer
 * than asked for, or none, and still have a next one. A predicate is asked last, in the tenant's
 * cell, about those whom the rules or the expression let in. */
#include "api/check.h"
#include "api/cursor.h"
#include "api/reply.h"
#include "api/routes/lifecycle.h"
#include "api/routes/routes.h"
#include "base/alloc.h"
#include "run/codes.h"
#include "run/predicate.h"
#include "run/work.h"

#include <string.h>

#define IDS_MOST 10000
#define LOOKED_AT 10000 /* customers, by rules in the database; see api_segment_dynamic.sql */
#define EVALUATED 500   /* customers, by an expression here */

typedef enum segment_kind { STATIC, BY_RULES, BY_EXPRESSION } segment_kind;

/* The segment's row of API_SEGMENT_FIND; false when it has answered 404. */
static bool found(kal_request *request, const kal_pg_rows *rows, segment_kind *kind)
{
    if (kal_pg_count(rows) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return false;
    }
    *kind = kal_str_is(kal_pg_str(rows, 0, 0), "static") ? STATIC
            : kal_pg_null(rows, 0, 1)                    ? BY_RULES
                                                         : BY_EXPRESSION;
    return true;
}

static kal_lua_ref compiled(kal_lua *lua, kal_str definition)
{
    char error[160];
    json_t *json = kal_json_parse(definition, error);
    kal_lua_ref segment = kal_lua_segment_new(lua, json);
    json_decref(json);
    return segment;
}

static bool matches(kal_request *request, kal_lua_ref segment, kal_str customer)
{
    char error[160];
    json_t *json = kal_json_parse(customer, error);
    bool in = json && kal_lua_segment_matches(kal_engine_lua(request->thread->engine), segment,
                                              json, kal_request_now(request));
    json_decref(json);
    return in;
}

/* What the row of API_SEGMENT_FIND has for a predicate, to be asked about customers; NULL when it
 * has none. */
static kal_predicate *predicate_of(kal_request *request, const kal_pg_rows *rows)
{
    if (kal_pg_null(rows, 0, 3))
        return NULL;
    return kal_predicate_new(request->caller.tenant, kal_pg_str(rows, 0, 3),
                             kal_request_now(request));
}

static void refuse_predicate(kal_request *request, kal_str reason)
{
    char text[512];

    snprintf(text, sizeof(text), "%.*s", (int)reason.n, reason.p);
    kal_reply_invalid(request, "predicate", text);
}

static bool has_client(void *data)
{
    return ((kal_request *)data)->http != NULL;
}

/* Asks it, which frees itself then; false, with an answer, where no code runs. */
static bool ask(kal_request *request, kal_predicate *predicate,
                void (*done)(void *data, const kal_verdicts *verdicts))
{
    kal_cells *cells = kal_engine_cells(request->thread->engine);

    if (!cells) {
        refuse_predicate(request, kal_str_of(kal_codes_off));
        return false;
    }
    kal_request_ref(request);
    kal_predicate_ask(predicate, cells, has_client, done, request);
    return true;
}

/* True when it has answered that the predicate could not be asked. */
static bool ask_failed(kal_request *request, const kal_verdicts *verdicts)
{
    if (verdicts->end == KAL_CELL_BUSY)
        kal_reply_error(request, KAL_ERR_UNAVAILABLE, verdicts->reason.p);
    else if (verdicts->end == KAL_CELL_FAILED)
        refuse_predicate(request, verdicts->reason);
    return verdicts->end != KAL_CELL_OUTCOME;
}

/* ---- one customer ---- */

static void answer_member(kal_request *request, bool member)
{
    kal_reply_json(request, 200, json_pack("{s:{s:b}}", "data", "member", member));
}

static void on_verdict(void *data, const kal_verdicts *verdicts)
{
    kal_request *request = data;

    if (!ask_failed(request, verdicts)) {
        if (verdicts->list[0] == KAL_VERDICT_UNKNOWN)
            refuse_predicate(request, verdicts->reason);
        else
            answer_member(request, verdicts->list[0] == KAL_VERDICT_YES);
    }
    kal_request_unref(request);
}

/* rows: the segment, its static membership, the customer. */
static void on_asked(kal_request *request, const kal_pg_reply *reply)
{
    kal_lua *lua = kal_engine_lua(request->thread->engine);
    segment_kind kind;

    if (kal_reply_failed(request, reply) || !found(request, reply->rows[1], &kind))
        return;
    if (kal_pg_count(reply->rows[3]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, "there is no such customer");
        return;
    }
    bool member = kal_pg_count(reply->rows[2]) > 0;
    if (kind != STATIC) {
        kal_lua_ref segment = compiled(lua, kal_pg_str(reply->rows[1], 0, 2));
        member = matches(request, segment, kal_pg_str(reply->rows[3], 0, 0));
        kal_lua_unref(lua, segment);
    }
    kal_predicate *predicate = member ? predicate_of(request, reply->rows[1]) : NULL;
    if (!predicate) {
        answer_member(request, member);
        return;
    }
    kal_predicate_add(predicate, kal_pg_str(reply->rows[3], 0, 0));
    if (!ask(request, predicate, on_verdict))
        kal_predicate_free(predicate);
}

void kal_route_segments_evaluate(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request))
        return;
    const json_t *given = json_object_get(request->body, "customer_id");
    kal_str customer = kal_json_get_str(request->body, "customer_id");
    if (!given || json_is_null(given) || (json_is_string(given) && customer.n == 0)) {
        kal_reply_error(request, KAL_ERR_CUSTOMER_ID_REQUIRED, NULL);
        return;
    }
    if (!customer.p || customer.n > KAL_ID_MAX) {
        kal_reply_invalid(request, "customer_id", KAL_INVALID);
        return;
    }
    uint64_t key = kal_customer_key(request->caller.tenant, customer);
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_FIND, kal_v_uuid(id));
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_str(KAL_TEXT, customer));
    kal_args_add(args, kal_v_int(KAL_INT8, (int64_t)key));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_HAS, args);
    args = kal_args_new();
    kal_args_add(args, kal_v_null(KAL_UUID));
    kal_args_add(args, kal_v_str(KAL_TEXT, customer));
    kal_pg_call_add(call, KAL_SQL_API_CUSTOMER_GET, args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_asked);
}

/* ---- a page of members ---- */

typedef struct page {
    segment_kind kind;
    kal_lua_ref segment;
    kal_predicate *predicate;
    size_t limit;
    kal_buf items; /* the members, as JSON */
    kal_buf next;  /* the sort key that the next page begins below; empty at the end */
} page;

static void add_item(page *p, kal_str item)
{
    if (p->items.len)
        kal_buf_putc(&p->items, ',');
    kal_buf_add(&p->items, item.p, item.n);
}

/* Takes the members among the rows, or those whom the predicate is to be asked about; answers where
 * the next page begins. */
static kal_str take_rows(kal_request *request, page *p, const kal_pg_reply *reply)
{
    const kal_pg_rows *rows = reply->rows[1];
    size_t count = kal_pg_count(rows), taken = 0;

    for (size_t row = 0; row < count; row++) {
        if (taken == p->limit || (p->kind == BY_EXPRESSION && row == EVALUATED))
            return kal_pg_str(rows, row - 1, 1);
        kal_str item = kal_pg_str(rows, row, 0);
        if (p->kind == BY_EXPRESSION && !matches(request, p->segment, item))
            continue;
        taken++;
        if (p->predicate)
            kal_predicate_add(p->predicate, item);
        else
            add_item(p, item);
    }
    if (p->kind == BY_RULES && kal_pg_count(reply->rows[2]))
        return kal_pg_str(reply->rows[2], 0, 0);
    return (kal_str){0};
}

static void answer_page(kal_request *request, const page *p)
{
    kal_buf out = {0};

    kal_buf_puts(&out, "{\"data\":[");
    kal_buf_add(&out, p->items.data, p->items.len);
    kal_buf_puts(&out, "],\"next_cursor\":");
    if (p->next.len)
        kal_buf_putc(&out, '"');
    if (p->next.len)
        kal_cursor_write(&out, (kal_str){p->next.data, p->next.len});
    kal_buf_puts(&out, p->next.len ? "\"}" : "null}");
    kal_reply(request, 200, out.data, out.len);
    kal_buf_deinit(&out);
}

static void end_page(page *p)
{
    kal_predicate_free(p->predicate);
    kal_buf_deinit(&p->items);
    kal_buf_deinit(&p->next);
}

static void on_verdicts(void *data, const kal_verdicts *verdicts)
{
    kal_request *request = data;
    page *p = request->state;

    if (!ask_failed(request, verdicts)) {
        for (size_t nth = 0; nth < verdicts->n; nth++)
            if (verdicts->list[nth] == KAL_VERDICT_YES)
                add_item(p, kal_predicate_at(p->predicate, nth));
        answer_page(request, p);
    }
    p->predicate = NULL; /* which frees itself */
    end_page(p);
    kal_request_unref(request);
}

static void on_page(kal_request *request, const kal_pg_reply *reply)
{
    page *p = request->state;
    bool failed = kal_reply_failed(request, reply);
    kal_str next = failed ? (kal_str){0} : take_rows(request, p, reply);
    bool asks = p->predicate && kal_predicate_count(p->predicate);

    kal_buf_add(&p->next, next.p, next.n);
    kal_lua_unref(kal_engine_lua(request->thread->engine), p->segment);
    if (asks && ask(request, p->predicate, on_verdicts))
        return;
    if (!asks && !failed)
        answer_page(request, p);
    end_page(p);
}

static void add_page(kal_pg_call *call, const page *p, kal_uuid id, kal_value cursor)
{
    bool expression = p->kind == BY_EXPRESSION;
    kal_args *args = kal_args_new();

    if (!expression)
        kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, cursor);
    kal_args_add(args, kal_v_int(KAL_INT4, expression ? EVALUATED + 1 : (int64_t)p->limit + 1));
    kal_pg_call_add(call,
                    expression          ? KAL_SQL_API_SEGMENT_CANDIDATES
                    : p->kind == STATIC ? KAL_SQL_API_SEGMENT_STATIC
                                        : KAL_SQL_API_SEGMENT_DYNAMIC,
                    args);
    if (p->kind != BY_RULES)
        return;
    args = kal_args_new();
    kal_args_add(args, cursor);
    kal_args_add(args, kal_v_int(KAL_INT4, LOOKED_AT));
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_SCANNED, args);
}

static void on_segment(kal_request *request, const kal_pg_reply *reply)
{
    page *p = request->state;
    kal_uuid id;
    kal_value cursor;
    int64_t limit;

    if (kal_reply_failed(request, reply) || !found(request, reply->rows[1], &p->kind) ||
        !kal_request_uuid(request, 0, &id) || !kal_read_page(request, &cursor, &limit))
        return;
    p->limit = (size_t)limit;
    p->predicate = predicate_of(request, reply->rows[1]);
    if (p->kind == BY_EXPRESSION)
        p->segment =
            compiled(kal_engine_lua(request->thread->engine), kal_pg_str(reply->rows[1], 0, 2));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    add_page(call, p, id, cursor);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_page);
}

void kal_route_segments_members(kal_request *request)
{
    kal_uuid id;
    kal_value cursor;
    int64_t limit;

    if (!kal_request_uuid(request, 0, &id) || !kal_read_page(request, &cursor, &limit))
        return;
    request->state = kal_calloc(1, sizeof(page));
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_FIND, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_segment);
}

/* ---- lists of static segments ---- */

static void add_ids(kal_args *args, const json_t *ids)
{
    size_t n = json_array_size(ids);
    kal_value *values = kal_alloc((n ? n : 1) * sizeof(*values));

    for (size_t i = 0; i < n; i++)
        values[i] = kal_v_text(json_string_value(json_array_get(ids, i)));
    kal_args_add_array(args, KAL_TEXT, values, n);
    kal_free(values);
}

static void on_changed(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_lifecycle_failed(request, reply))
        return;
    const kal_pg_rows *rows = reply->rows[1];
    kal_lifecycle_changed(request,
                          kal_pg_count(rows) ? kal_pg_str(rows, 0, 0) : (kal_str){NULL, 0});
}

/* Answers which customers there are not. */
static void refuse_unknown(kal_request *request, const kal_pg_rows *rows)
{
    kal_buf text = {0};

    kal_buf_puts(&text, "are not known:");
    for (size_t row = 0; row < kal_pg_count(rows) && row < 10; row++) {
        kal_str id = kal_pg_str(rows, row, 0);
        kal_buf_putc(&text, ' ');
        kal_buf_add(&text, id.p, id.n);
    }
    kal_buf_puts(&text, kal_pg_count(rows) > 10 ? " …" : "");
    kal_reply_invalid(request, "customer_ids", text.data);
    kal_buf_deinit(&text);
}

/* rows: the segment, and the ids that are no customer's; request->number: whether to add. */
static void on_list(kal_request *request, const kal_pg_reply *reply)
{
    kal_uuid id;
    segment_kind kind;

    if (kal_reply_failed(request, reply) || !found(request, reply->rows[1], &kind) ||
        !kal_request_uuid(request, 0, &id))
        return;
    if (kind != STATIC) {
        kal_reply_invalid(request, "type", "is not static: its rules say who is in it");
        return;
    }
    if (request->number && kal_pg_count(reply->rows[2])) {
        refuse_unknown(request, reply->rows[2]);
        return;
    }
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    add_ids(args, json_object_get(request->body, "customer_ids"));
    kal_pg_call_add(
        call, request->number ? KAL_SQL_API_SEGMENT_MEMBER_ADD : KAL_SQL_API_SEGMENT_MEMBER_REMOVE,
        args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_changed);
}

static void change(kal_request *request, bool add)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id) || !kal_request_body(request))
        return;
    const json_t *ids = json_object_get(request->body, "customer_ids");
    if (!kal_check_texts(ids, IDS_MOST)) {
        kal_reply_invalid(request, "customer_ids", ids ? KAL_INVALID : KAL_BLANK);
        return;
    }
    request->number = add;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_SEGMENT_FIND, kal_v_uuid(id));
    kal_args *args = kal_args_new();
    add_ids(args, ids);
    kal_pg_call_add(call, KAL_SQL_API_SEGMENT_MEMBER_UNKNOWN, args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_list);
}

void kal_route_segments_add(kal_request *request)
{
    change(request, true);
}

void kal_route_segments_remove(kal_request *request)
{
    change(request, false);
}
