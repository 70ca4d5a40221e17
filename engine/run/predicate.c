#include "run/predicate.h"

#include "base/alloc.h"
#include "base/json.h"

#include <inttypes.h>

#define CALL_MOST 100 /* customers */
#define CALL_MS 1000
#define HEAD_MOST 100 /* bytes of an input around its customers */

struct kal_predicate {
    kal_cells *cells;
    kal_uuid tenant;
    int64_t now_ms;
    kal_buf source;
    kal_buf customers; /* their texts, one behind the other */
    size_t *ends;      /* where each of them ends */
    kal_verdict *verdicts;
    size_t n, room;
    size_t from, to; /* whom the call under way is about; from 0 to 0: none was made */
    kal_buf reason;
    bool asked, freed;
    bool (*wanted)(void *data);
    void (*done)(void *data, const kal_verdicts *verdicts);
    void *data;
};

kal_predicate *kal_predicate_new(kal_uuid tenant, kal_str source, int64_t now_ms)
{
    kal_predicate *predicate = kal_calloc(1, sizeof *predicate);
    predicate->tenant = tenant;
    predicate->now_ms = now_ms;
    kal_buf_add(&predicate->source, source.p, source.n);
    return predicate;
}

static void free_now(kal_predicate *predicate)
{
    kal_buf_deinit(&predicate->source);
    kal_buf_deinit(&predicate->customers);
    kal_buf_deinit(&predicate->reason);
    kal_free(predicate->ends);
    kal_free(predicate->verdicts);
    kal_free(predicate);
}

void kal_predicate_free(kal_predicate *predicate)
{
    if (predicate && predicate->asked)
        predicate->freed = true; /* its cell comes back to it */
    else if (predicate)
        free_now(predicate);
}

void kal_predicate_add(kal_predicate *predicate, kal_str customer)
{
    if (predicate->n == predicate->room) {
        size_t room = predicate->room ? 2 * predicate->room : CALL_MOST;
        predicate->ends = kal_realloc(predicate->ends, room * sizeof *predicate->ends);
        predicate->verdicts = kal_realloc(predicate->verdicts, room * sizeof *predicate->verdicts);
        predicate->room = room;
    }
    kal_buf_add(&predicate->customers, customer.p, customer.n);
    predicate->ends[predicate->n] = predicate->customers.len;
    predicate->verdicts[predicate->n++] = KAL_VERDICT_UNKNOWN;
}

size_t kal_predicate_count(const kal_predicate *predicate)
{
    return predicate->n;
}

static size_t begin_of(const kal_predicate *predicate, size_t nth)
{
    return nth ? predicate->ends[nth - 1] : 0;
}

kal_str kal_predicate_at(const kal_predicate *predicate, size_t nth)
{
    size_t begin = begin_of(predicate, nth);
    return (kal_str){predicate->customers.data + begin, predicate->ends[nth] - begin};
}

static void finish(kal_predicate *predicate, kal_cell_end end)
{
    kal_verdicts verdicts = {
        predicate->verdicts, predicate->n, end, {predicate->reason.data, predicate->reason.len}};
    predicate->done(predicate->data, &verdicts);
    free_now(predicate);
}

/* The first of them counts. */
static void note(kal_predicate *predicate, kal_str reason)
{
    if (!predicate->reason.len && reason.n)
        kal_buf_add(&predicate->reason, reason.p, reason.n);
}

/* ---- a call ---- */

/* As many of the next as a call may hold. */
static size_t end_of_call(const kal_predicate *predicate, size_t input_most)
{
    size_t begin = begin_of(predicate, predicate->from), to = predicate->from;
    while (to < predicate->n && to - predicate->from < CALL_MOST &&
           predicate->ends[to] - begin + (to - predicate->from) + HEAD_MOST <= input_most)
        to++;
    return to;
}

static void write_input(const kal_predicate *predicate, kal_buf *out)
{
    kal_buf_printf(out, "{\"call\":\"members\",\"now\":%" PRId64 ",\"customers\":[",
                   predicate->now_ms);
    for (size_t nth = predicate->from; nth < predicate->to; nth++) {
        kal_str customer = kal_predicate_at(predicate, nth);
        if (nth > predicate->from)
            kal_buf_putc(out, ',');
        kal_buf_add(out, customer.p, customer.n);
    }
    kal_buf_puts(out, "]}");
}

static void on_done(void *data, const kal_cell_result *result);

/* The next call; one who is larger than a call may be is passed over. */
static void ask_next(kal_predicate *predicate)
{
    size_t input_most = kal_cells_input_most(predicate->cells, predicate->tenant);
    predicate->from = predicate->to;
    while (predicate->from < predicate->n &&
           (predicate->to = end_of_call(predicate, input_most)) == predicate->from) {
        note(predicate, kal_str_of("what the code is to see is larger than its limit"));
        predicate->from++;
    }
    if (predicate->from == predicate->n) {
        finish(predicate, KAL_CELL_OUTCOME);
        return;
    }
    kal_buf input = {0};
    write_input(predicate, &input);
    kal_cell_call call = {
        .tenant = predicate->tenant,
        .wall_ms = CALL_MS,
        .source = {predicate->source.data, predicate->source.len},
        .input = {input.data, input.len},
        .done = on_done,
        .data = predicate,
    };
    kal_cells_call(predicate->cells, &call);
    kal_buf_deinit(&input);
}

/* False when the cell does not say of each what it thinks. */
static bool take(kal_predicate *predicate, kal_str text)
{
    char error[160];
    json_t *outcome = kal_json_parse(text, error);
    const json_t *members = json_object_get(outcome, "members");
    bool right = json_array_size(members) == predicate->to - predicate->from;
    for (size_t i = 0; right && i < json_array_size(members); i++) {
        const json_t *said = json_array_get(members, i);
        predicate->verdicts[predicate->from + i] = json_is_true(said)    ? KAL_VERDICT_YES
                                                   : json_is_false(said) ? KAL_VERDICT_NO
                                                                         : KAL_VERDICT_UNKNOWN;
    }
    note(predicate, right ? kal_json_get_str(outcome, "reason")
                          : kal_str_of("the predicate gave no answer for each customer"));
    json_decref(outcome);
    return right;
}

static void on_done(void *data, const kal_cell_result *result)
{
    kal_predicate *predicate = data;
    if (predicate->freed) {
        free_now(predicate);
        return;
    }
    kal_cell_end end = result->end;
    if (end != KAL_CELL_OUTCOME)
        note(predicate, result->text);
    else if (!take(predicate, result->text))
        end = KAL_CELL_FAILED;
    bool wanted = !predicate->wanted || predicate->wanted(predicate->data);
    if (end == KAL_CELL_OUTCOME && wanted)
        ask_next(predicate);
    else
        finish(predicate, wanted ? end : KAL_CELL_BUSY);
}

void kal_predicate_ask(kal_predicate *predicate, kal_cells *cells, bool (*wanted)(void *data),
                       void (*done)(void *data, const kal_verdicts *verdicts), void *data)
{
    predicate->cells = cells;
    predicate->wanted = wanted;
    predicate->done = done;
    predicate->data = data;
    predicate->asked = true;
    ask_next(predicate);
}
