#include "api/explain.h"

#include "base/buf.h"
#include "base/clock.h"

#include <string.h>

/* ISO instants of one form: their order is the texts'. */
static int order(kal_str a, kal_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int diff = n ? memcmp(a.p, b.p, n) : 0;
    return diff ? diff : (a.n > b.n) - (a.n < b.n);
}

static void say(kal_buf *out, kal_str text)
{
    kal_buf_add(out, text.p, text.n);
}

static json_t *take(kal_buf *text)
{
    json_t *json = json_stringn(text->data ? text->data : "", text->len);
    kal_buf_deinit(text);
    return json;
}

/* ---- what the graph says ---- */

static const json_t *config_of(const json_t *facts, kal_str node_id)
{
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(json_object_get(facts, "graph"), "nodes"), i,
                       node) if (kal_str_eq(kal_json_get_str(node, "id"),
                                            node_id)) return json_object_get(node, "config");
    return NULL;
}

static const json_t *events_of(const json_t *config)
{
    const json_t *all = json_object_get(config, "all_of"), *any = json_object_get(config, "any_of");
    return all ? all : any ? any : json_object_get(config, "event_type");
}

static bool hears(const json_t *config, kal_str type)
{
    const json_t *events = events_of(config);
    size_t i;
    json_t *one;
    if (json_is_string(events))
        return kal_str_is(type, json_string_value(events));
    json_array_foreach((json_t *)(uintptr_t)events, i,
                       one) if (json_is_string(one) &&
                                kal_str_is(type, json_string_value(one))) return true;
    return false;
}

static bool is_entry(const json_t *node)
{
    return kal_str_is(kal_json_get_str(node, "type"), "event_entry");
}

/* ---- decisions ---- */

static json_t *decisions(const json_t *facts)
{
    json_t *list = json_array(), *step;
    size_t i;
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        json_t *branch = json_object_get(step, "branch"), *output = json_object_get(step, "output");
        bool failed = kal_str_is(kal_json_get_str(step, "status"), "failed");
        if (!json_is_string(branch) && !failed)
            continue;
        json_t *values = json_is_object(output) ? json_copy(output) : json_pack("{}");
        if (failed)
            json_object_set(values, "error", json_object_get(step, "error"));
        json_array_append_new(
            list, json_pack("{s:O, s:O, s:O, s:o}", "node_id", json_object_get(step, "node_id"),
                            "at", json_object_get(step, "completed_at"), "outcome",
                            json_is_string(branch) ? branch : json_object_get(step, "status"),
                            "values", values));
    }
    return list;
}

/* ---- what it waits for ---- */

static json_t *waiting_for(const json_t *facts)
{
    const json_t *waits = json_object_get(facts, "waits");
    json_t *list = json_array(), *shown;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(facts, "instance"), "waiting"), i, shown)
    {
        const json_t *config = config_of(facts, kal_json_get_str(shown, "node_id"));
        const json_t *wait = json_array_get(waits, i), *seen = json_object_get(wait, "seen");
        json_t *events = (json_t *)(uintptr_t)events_of(config);
        json_t *item = json_copy(shown);
        json_object_del(item, "event_type");
        json_object_set(item, "since", json_object_get(wait, "began_at"));
        json_object_set_new(item, "event_types",
                            json_is_array(events)    ? json_incref(events)
                            : json_is_string(events) ? json_pack("[O]", events)
                                                     : json_array());
        if (json_object_get(config, "filter"))
            json_object_set(item, "filter", json_object_get(config, "filter"));
        if (json_is_object(seen)) { /* of all_of: what has come */
            const char *type;
            json_t *value, *came = json_array();
            json_object_foreach((json_t *)(uintptr_t)seen, type, value)
                json_array_append_new(came, json_string(type));
            json_object_set_new(item, "arrived", came);
        }
        json_array_append_new(list, item);
    }
    return list;
}

/* ---- events that did not wake it ---- */

/* One event beside the instance. */
typedef struct kal_look {
    const json_t *facts, *instance, *event;
    kal_str type, at;
} kal_look;

/* A step of the instance took it. */
static bool consumed(const kal_look *look)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(look->facts, "steps"), i, step)
    {
        kal_str trigger = kal_json_get_str(step, "trigger");
        kal_str at = kal_json_get_str(step, "completed_at");
        if (trigger.n != look->type.n + 6 || memcmp(trigger.p, "event:", 6) != 0 ||
            memcmp(trigger.p + 6, look->type.p, look->type.n) != 0 || order(at, look->at) < 0)
            continue;
        const json_t *event = json_object_get(json_object_get(step, "output"), "event");
        if (order(at, look->at) == 0 || kal_json_equal(event, json_object_get(look->event, "data")))
            return true;
    }
    return false;
}

static bool has_text(const json_t *list, kal_str text)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i,
                       one) if (json_is_string(one) &&
                                kal_str_is(text, json_string_value(one))) return true;
    return false;
}

/* The instant the instance ended at; p NULL: it is live. */
static kal_str ended_at(const json_t *instance)
{
    kal_str completed = kal_json_get_str(instance, "completed_at");
    return completed.p ? completed : kal_json_get_str(instance, "exited_at");
}

/* Says which path of the filter has another value; false when all agree. */
static bool say_mismatch(kal_buf *out, const json_t *filter, const json_t *data)
{
    const char *path;
    json_t *wanted;
    if (json_object_size(filter) && !json_is_object(data)) {
        kal_buf_puts(out, "its data is over 16 KB and not looked at again");
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)filter, path, wanted)
    {
        json_t *one = json_pack("{s:O}", path, wanted);
        bool matches = kal_json_matches(one, data);
        json_decref(one);
        if (matches)
            continue;
        const json_t *actual = kal_json_path(data, kal_str_of(path));
        kal_buf_printf(out, "%s is ", path);
        kal_json_write(out, actual ? actual : json_null());
        kal_buf_puts(out, json_is_array(wanted) ? ", none of " : ", not ");
        kal_json_write(out, wanted);
        return true;
    }
    return false;
}

typedef enum kal_when { NEVER, BEFORE, DURING, AFTER } kal_when;

static kal_when place(kal_when now, kal_str at, kal_str from, kal_str to)
{
    kal_when when = order(at, from) < 0 ? BEFORE : to.p && order(at, to) > 0 ? AFTER : DURING;
    return when == DURING || now == NEVER ? when : now;
}

/* Whether the instance was waiting in the node when the event came; *seen: what has come of its
 * all_of. */
static kal_when when_waiting(const kal_look *look, kal_str node, const json_t **seen)
{
    kal_when when = NEVER;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(look->facts, "waits"), i, row)
    {
        if (!kal_str_eq(kal_json_get_str(row, "node_id"), node))
            continue;
        *seen = json_object_get(row, "seen");
        when = place(when, look->at, kal_json_get_str(row, "began_at"), (kal_str){0});
    }
    json_array_foreach(json_object_get(look->facts, "steps"), i, row)
    {
        if (kal_str_eq(kal_json_get_str(row, "node_id"), node))
            when = place(when, look->at, kal_json_get_str(row, "started_at"),
                         kal_json_get_str(row, "completed_at"));
    }
    return when;
}

/* Why the event did not wake the node; false when it did its part there. */
static bool say_node(kal_buf *out, const kal_look *look, const json_t *node)
{
    const json_t *config = json_object_get(node, "config"), *seen = NULL;
    const json_t *data = json_object_get(look->event, "data");
    kal_str id = kal_json_get_str(node, "id"), lookback = kal_json_get_str(config, "lookback");
    kal_when when = when_waiting(look, id, &seen);
    kal_buf mismatch = {0};

    if (say_mismatch(&mismatch, json_object_get(config, "filter"), data)) {
        kal_buf_printf(out, "the filter of %.*s did not match: ", (int)id.n, id.p);
        kal_buf_add(out, mismatch.data, mismatch.len);
        kal_buf_deinit(&mismatch);
        return true;
    }
    if (when == DURING && json_object_getn(seen, look->type.p, look->type.n))
        return false;
    if (when == BEFORE && lookback.p)
        kal_buf_printf(out,
                       "it came before the wait in %.*s began, by more than its lookback of "
                       "%.*s",
                       (int)id.n, id.p, (int)lookback.n, lookback.p);
    else
        kal_buf_printf(out, "%s %.*s%s",
                       when == NEVER    ? "the walk had not reached"
                       : when == BEFORE ? "it came before the wait in"
                       : when == AFTER  ? "the wait in"
                                        : "another event had come first for",
                       (int)id.n, id.p,
                       when == BEFORE  ? " began"
                       : when == AFTER ? " was over"
                                       : "");
    return true;
}

static void say_held(kal_buf *out, const kal_look *look)
{
    kal_str flow = kal_json_get_str(json_object_get(look->facts, "flow"), "status");
    bool paused = kal_str_is(kal_json_get_str(look->instance, "status"), "paused");
    bool flow_paused = kal_str_is(flow, "paused");
    kal_buf_printf(out, "it is held until %s",
                   paused && flow_paused ? "the instance and the flow are resumed"
                   : paused              ? "the instance is resumed"
                   : flow_paused         ? "the flow is resumed"
                                         : "the flow goes on");
}

/* Exit criteria look for events of this type: the graph's and the flow's. */
static const json_t *criteria_of(const json_t *facts, int i, kal_str type)
{
    const json_t *from = json_object_get(facts, i ? "flow" : "graph");
    const json_t *criteria = json_object_get(from, "exit_criteria");
    kal_str wanted = kal_json_get_str(criteria, "event_type");
    return wanted.p && kal_str_eq(wanted, type) ? criteria : NULL;
}

/* Says why the flow's waits and exit criteria, those of them that name the type, were not moved by
 * the event; nothing when none names it, or it did its part. */
static void say_flow(kal_buf *out, const kal_look *look)
{
    size_t i;
    json_t *node;
    bool did = false;
    json_array_foreach(json_object_get(json_object_get(look->facts, "graph"), "nodes"), i, node)
    {
        if (is_entry(node) || !hears(json_object_get(node, "config"), look->type))
            continue;
        kal_buf_puts(out, out->len ? "; " : "");
        did = !say_node(out, look, node) || did;
    }
    for (int c = 0; c < 2; c++) {
        const json_t *criteria = criteria_of(look->facts, c, look->type);
        kal_buf mismatch = {0};
        if (criteria && say_mismatch(&mismatch, json_object_get(criteria, "filter"),
                                     json_object_get(look->event, "data"))) {
            kal_buf_printf(out, "%sthe exit criteria did not match: ", out->len ? "; " : "");
            kal_buf_add(out, mismatch.data, mismatch.len);
        }
        kal_buf_deinit(&mismatch);
    }
    if (did)
        kal_buf_clear(out);
}

static bool is_named(const kal_look *look)
{
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(json_object_get(look->facts, "graph"), "nodes"), i,
                       node) if (hears(json_object_get(node, "config"), look->type)) return true;
    return criteria_of(look->facts, 0, look->type) || criteria_of(look->facts, 1, look->type);
}

static bool ended_by(const kal_look *look, kal_str ended)
{
    kal_str reason = kal_json_get_str(look->instance, "exit_reason");
    if (!ended.p || order(look->at, ended) != 0 || !kal_str_is(reason, "exit_criteria"))
        return false;
    for (int i = 0; i < 2; i++) {
        const json_t *criteria = criteria_of(look->facts, i, look->type);
        if (criteria && kal_json_matches(json_object_get(criteria, "filter"),
                                         json_object_get(look->event, "data")))
            return true;
    }
    return false;
}

static void say_reason(kal_buf *out, const kal_look *look)
{
    kal_str ended = ended_at(look->instance);
    kal_str entered = kal_json_get_str(look->instance, "entered_at");
    if (!is_named(look) || consumed(look) || ended_by(look, ended))
        return;
    if (has_text(json_object_get(look->facts, "held"),
                 kal_json_get_str(look->event, "stored_id"))) {
        say_held(out, look);
        return;
    }
    if (ended.p && order(look->at, ended) > 0) {
        kal_buf_puts(out, "the instance had ended");
        return;
    }
    say_flow(out, look);
    if (!out->len && order(look->at, entered) > 0) {
        size_t i;
        json_t *node;
        json_array_foreach(json_object_get(json_object_get(look->facts, "graph"), "nodes"), i,
                           node) if (is_entry(node) &&
                                     hears(json_object_get(node, "config"), look->type))
            kal_buf_puts(out, out->len ? "" : "the customer was in the flow already");
    }
}

static json_t *ignored_events(const json_t *facts)
{
    json_t *list = json_array(), *event;
    size_t i;
    json_array_foreach(json_object_get(facts, "events"), i, event)
    {
        kal_look look = {
            .facts = facts,
            .instance = json_object_get(facts, "instance"),
            .event = event,
            .type = kal_json_get_str(event, "event_type"),
            .at = kal_json_get_str(event, "received_at"),
        };
        kal_buf reason = {0};
        say_reason(&reason, &look);
        if (reason.len)
            json_array_append_new(
                list, json_pack("{s:O, s:O, s:O, s:o}", "id", json_object_get(event, "id"),
                                "event_type", json_object_get(event, "event_type"), "at",
                                json_object_get(event, "received_at"), "reason", take(&reason)));
        else
            kal_buf_deinit(&reason);
    }
    return list;
}

/* ---- the sentence ---- */

static void say_wait(kal_buf *out, const json_t *wait)
{
    const json_t *types = json_object_get(wait, "event_types");
    kal_str until = kal_json_get_str(wait, "until");
    size_t i;
    json_t *type;
    kal_buf_puts(out, "waits in ");
    say(out, kal_json_get_str(wait, "node_id"));
    json_array_foreach((json_t *)(uintptr_t)types, i, type)
    {
        kal_buf_puts(out, i == 0 ? " for " : " or ");
        say(out, (kal_str){json_string_value(type), json_string_length(type)});
    }
    if (until.p) {
        kal_buf_puts(out, json_array_size(types) ? ", at most until " : " until ");
        say(out, until);
    }
}

static void say_waits(kal_buf *out, const json_t *waiting)
{
    size_t n = json_array_size(waiting);
    if (!n)
        kal_buf_puts(out, "is about to go on");
    else
        say_wait(out, json_array_get(waiting, 0));
    if (n > 1)
        kal_buf_printf(out, " (and in %zu more places)", n - 1);
}

static void say_end(kal_buf *out, const json_t *facts, kal_str status)
{
    const json_t *instance = json_object_get(facts, "instance");
    const json_t *steps = json_object_get(facts, "steps");
    const json_t *last = json_array_get(steps, json_array_size(steps) - 1);
    kal_str reason = kal_json_get_str(instance, "exit_reason");
    bool failed = kal_str_is(status, "failed");
    kal_buf_puts(out, failed                            ? "failed"
                      : kal_str_is(status, "completed") ? "completed the flow"
                                                        : "left the flow");
    kal_buf_puts(out, " at ");
    say(out, ended_at(instance));
    if (last) {
        kal_buf_puts(out, failed ? " in " : " after ");
        say(out, kal_json_get_str(last, "node_id"));
    }
    if (reason.n) {
        kal_buf_puts(out, ": ");
        say(out, reason);
    }
}

static json_t *summary(const json_t *facts, const json_t *waiting)
{
    const json_t *instance = json_object_get(facts, "instance");
    kal_str status = kal_json_get_str(instance, "status");
    kal_str flow = kal_json_get_str(json_object_get(facts, "flow"), "status");
    kal_buf out = {0};
    kal_buf_puts(&out, "The customer ");
    if (ended_at(instance).p) {
        say_end(&out, facts, status);
    } else {
        if (kal_str_is(status, "paused"))
            kal_buf_puts(&out, "is paused and ");
        say_waits(&out, waiting);
        if (kal_str_is(flow, "paused"))
            kal_buf_puts(&out, "; nothing moves while the flow is paused");
    }
    kal_buf_putc(&out, '.');
    return take(&out);
}

json_t *kal_explain(const json_t *facts)
{
    const json_t *instance = json_object_get(facts, "instance");
    json_t *waiting = waiting_for(facts), *out = json_object();
    json_int_t steps = json_integer_value(json_object_get(facts, "n_steps"));
    json_object_set(out, "status", json_object_get(instance, "status"));
    json_object_set_new(out, "summary", summary(facts, waiting));
    json_object_set_new(out, "decisions", decisions(facts));
    json_object_set_new(out, "waiting_for", waiting);
    json_object_set_new(out, "ignored_events", ignored_events(facts));
    if (steps > (json_int_t)json_array_size(json_object_get(facts, "steps")))
        json_object_set_new(out, "note",
                            json_sprintf("decisions of the last 1000 steps of %lld", steps));
    return out;
}
