/* Writing customers. The customer's shard does it, so a path by UUID is turned into the external id
 * first. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/works.h"
#include "base/alloc.h"
#include "base/zone.h"

#define TAGS_MOST 1000

typedef struct change {
    kal_customer_op op;
    int status;   /* of the answer; 204: it says nothing */
    json_t *body; /* borrowed from the request */
    size_t size;  /* in memory */
} change;

/* Where a profile that has become too large is told. */
static const char *field_of(kal_customer_op op)
{
    return op == KAL_CUSTOMER_TAG           ? "tags"
           : op == KAL_CUSTOMER_PREFERENCES ? "preferences"
                                            : "properties";
}

/* As api_customer_profile.sql shows it. */
static void reply_profile(kal_request *request, kal_str customer)
{
    static const char *const fields[] = {"email", "phone", "name", "timezone", "properties"};
    char error[160];
    json_t *json = kal_json_parse(customer, error), *profile = json_object();

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        json_object_set(profile, fields[i], json_object_get(json, fields[i]));
    json_decref(json);
    kal_reply_json(request, 200, json_pack("{s:o}", "data", profile));
}

static void on_done(kal_work *work)
{
    kal_request *request = work->data;
    const change *c = request->state;

    if (work->err == KAL_OK && c->status == 204)
        kal_reply(request, 204, "", 0);
    else if (work->err == KAL_OK && request->number)
        reply_profile(request, (kal_str){work->answer.data, work->answer.len});
    else if (work->err == KAL_OK)
        kal_reply_data(request, c->status, (kal_str){work->answer.data, work->answer.len});
    else if (work->err == KAL_ERR_VALIDATION_FAILED && work->message)
        kal_reply_invalid(request, field_of(c->op), work->message);
    else if (work->err == KAL_ERR_VALIDATION_FAILED)
        kal_reply_invalid(request, "external_id", KAL_TAKEN);
    else
        kal_reply_error(request, work->err, work->message);
    kal_work_free(work);
    kal_request_unref(request);
}

static void submit(kal_request *request, kal_str external_id)
{
    const change *c = request->state;
    kal_work *work =
        kal_works_make(request, KAL_WORK_CUSTOMER, external_id, json_incref(c->body), c->size);

    work->op = c->op;
    kal_works_send(request, work, on_done);
}

static void set_change(kal_request *request, kal_customer_op op, int status, json_t *body)
{
    change *c = kal_calloc(1, sizeof(*c));

    *c = (change){
        .op = op,
        .status = status,
        .body = body,
        .size = kal_works_size(body, request->http->entity.len),
    };
    request->state = c;
}

static void on_external(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else
        submit(request, kal_pg_str(reply->rows[1], 0, 0));
}

/* Submits a change of the customer whom the path names. */
static void change_named(kal_request *request, kal_customer_op op, json_t *body)
{
    kal_value id, external;

    if (!kal_customer_ref(request->params[0], &id, &external)) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    bool deletes = op == KAL_CUSTOMER_DELETE || op == KAL_CUSTOMER_ERASE;
    set_change(request, op, deletes ? 204 : 200, body);
    if (!external.null) {
        submit(request, external.s);
        return;
    }
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_CUSTOMER_EXTERNAL, id);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_external);
}

static bool check(kal_request *request, bool is_new)
{
    json_t *errors = json_object(), *body = request->body;
    static const char *const texts[] = {"email", "phone", "name"};

    if (is_new)
        kal_check_needed(errors, body, "external_id", KAL_ID_MAX);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        kal_check_text(errors, body, texts[i], KAL_ID_MAX);
    const json_t *zone = json_object_get(body, "timezone");
    if (zone && !json_is_null(zone) &&
        (!json_is_string(zone) || !kal_zone_known(kal_json_get_str(body, "timezone"))))
        kal_check_add(errors, "timezone", KAL_INVALID);
    kal_check_object(errors, body, "properties");
    kal_check_object(errors, body, "preferences");
    const json_t *tags = json_object_get(body, "tags");
    if (tags && !kal_check_texts(tags, TAGS_MOST))
        kal_check_add(errors, "tags", KAL_INVALID);
    return kal_reply_checked(request, errors);
}

void kal_route_customers_create(kal_request *request)
{
    if (!kal_request_body(request) || !check(request, true))
        return;
    if (kal_request_flag(request, "upsert"))
        set_change(request, KAL_CUSTOMER_UPSERT, 200, request->body);
    else
        set_change(request, KAL_CUSTOMER_CREATE, 201, request->body);
    submit(request, kal_json_get_str(request->body, "external_id"));
}

void kal_route_customers_update(kal_request *request)
{
    if (!kal_request_body(request) || !check(request, false))
        return;
    json_object_del(request->body, "external_id"); /* a customer keeps it for life */
    change_named(request, KAL_CUSTOMER_UPDATE, request->body);
}

void kal_route_customers_patch_profile(kal_request *request)
{
    static const char *const others[] = {"external_id", "tags", "preferences"};

    if (!kal_request_body(request))
        return;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        json_object_del(request->body, others[i]);
    if (!check(request, false))
        return;
    request->number = true; /* shows the profile */
    change_named(request, KAL_CUSTOMER_UPDATE, request->body);
}

void kal_route_customers_delete(kal_request *request)
{
    bool erases = kal_request_flag(request, "erase");

    change_named(request, erases ? KAL_CUSTOMER_ERASE : KAL_CUSTOMER_DELETE, NULL);
}

static void change_tags(kal_request *request, kal_customer_op op)
{
    if (!kal_request_body(request))
        return;
    json_t *tags = json_object_get(request->body, "tags");
    if (!kal_check_texts(tags, TAGS_MOST))
        kal_reply_invalid(request, "tags", tags ? KAL_INVALID : KAL_BLANK);
    else
        change_named(request, op, tags);
}

void kal_route_customers_tag(kal_request *request)
{
    change_tags(request, KAL_CUSTOMER_TAG);
}

void kal_route_customers_untag(kal_request *request)
{
    change_tags(request, KAL_CUSTOMER_UNTAG);
}

void kal_route_customers_preferences(kal_request *request)
{
    if (!kal_request_body(request))
        return;
    json_t *preferences = json_object_get(request->body, "preferences");
    if (!json_is_object(preferences))
        kal_reply_invalid(request, "preferences", preferences ? KAL_INVALID : KAL_BLANK);
    else
        change_named(request, KAL_CUSTOMER_PREFERENCES, preferences);
}
