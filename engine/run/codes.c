#include "run/codes.h"

#include "base/alloc.h"

#include <xxhash.h>

#define BUSY_MS 1000 /* until a node asks again that found no cell, for each ASK_MOST that wait */
#define ASK_MOST 1000

typedef struct kal_code {
    struct kal_code *prev, *next;
    kal_codes *codes; /* NULL: forgotten */
    kal_timer wait;
    uv_timer_t *pause; /* of one that no cell runs: its answer comes then */
} kal_code;

struct kal_codes {
    uv_loop_t *loop;
    kal_cells *cells;
    void (*answered)(void *data, const kal_timer *wait, json_t *answer);
    void *data;
    kal_code *first;
    size_t open;
};

kal_codes *kal_codes_new(uv_loop_t *loop, kal_cells *cells,
                         void (*answered)(void *data, const kal_timer *wait, json_t *answer),
                         void *data)
{
    kal_codes *codes = kal_calloc(1, sizeof *codes);
    *codes = (kal_codes){.loop = loop, .cells = cells, .answered = answered, .data = data};
    return codes;
}

static void unlink_code(kal_codes *codes, kal_code *code)
{
    if (code->prev)
        code->prev->next = code->next;
    else
        codes->first = code->next;
    if (code->next)
        code->next->prev = code->prev;
    code->codes = NULL;
    codes->open--;
}

static void answer(kal_code *code, json_t *body)
{
    kal_codes *codes = code->codes;
    if (codes) {
        unlink_code(codes, code);
        codes->answered(codes->data, &code->wait, body);
    }
    json_decref(body);
    kal_free(code);
}

static void on_closed(uv_handle_t *handle)
{
    kal_free(handle);
}

static void end_pause(kal_code *code, json_t *body)
{
    uv_close((uv_handle_t *)code->pause, on_closed);
    answer(code, body);
}

static void on_pause_over(uv_timer_t *timer)
{
    end_pause(timer->data, NULL);
}

static void pause_code(kal_code *code, uint64_t ms, uv_timer_cb over)
{
    code->pause = kal_calloc(1, sizeof *code->pause);
    uv_timer_init(code->codes->loop, code->pause);
    code->pause->data = code;
    uv_timer_start(code->pause, over, ms, 0);
}

static json_t *error_json(kal_str text)
{
    return json_pack("{s:s%}", "error", text.p, text.n);
}

static json_t *outcome_json(kal_str text)
{
    char error[160];
    json_t *outcome = kal_json_parse(text, error);
    if (json_is_object(outcome))
        return json_pack("{s:o}", "outcome", outcome);
    json_decref(outcome);
    return error_json(kal_str_of("what the code gave cannot be read"));
}

static void on_done(void *data, const kal_cell_result *result)
{
    kal_code *code = data;
    if (result->end == KAL_CELL_BUSY && code->codes)
        pause_code(code, BUSY_MS * (1 + code->codes->open / ASK_MOST), on_pause_over);
    else
        answer(code, result->end == KAL_CELL_OUTCOME ? outcome_json(result->text)
                                                     : error_json(result->text));
}

const char kal_codes_off[] =
    "tenants' code is switched off in this deployment (ENABLE_CUSTOM_CODE)";

static void on_refused(uv_timer_t *timer)
{
    end_pause(timer->data, error_json(kal_str_of(kal_codes_off)));
}

void kal_codes_call(kal_codes *codes, kal_uuid tenant, const kal_timer *wait, const json_t *effect)
{
    kal_code *code = kal_calloc(1, sizeof *code);
    *code = (kal_code){.next = codes->first, .codes = codes, .wait = *wait};
    if (codes->first)
        codes->first->prev = code;
    codes->first = code;
    codes->open++;
    if (!codes->cells) {
        pause_code(code, 0, on_refused);
        return;
    }
    kal_buf input = {0};
    kal_str seed = kal_json_get_str(effect, "seed");
    kal_json_write(&input, json_object_get(effect, "input"));
    kal_cell_call call = {
        .tenant = tenant,
        .source = kal_json_get_str(effect, "source"),
        .input = {input.data, input.len},
        .seed = XXH3_64bits(seed.p, seed.n),
        .wall_ms = (unsigned)json_integer_value(json_object_get(effect, "timeout_ms")),
        .done = on_done,
        .data = code,
    };
    kal_cells_call(codes->cells, &call);
    kal_buf_deinit(&input);
}

void kal_codes_forget(kal_codes *codes)
{
    for (kal_code *code; (code = codes->first);) {
        unlink_code(codes, code);
        if (!code->pause)
            continue; /* its cell comes back to it */
        uv_close((uv_handle_t *)code->pause, on_closed);
        kal_free(code);
    }
}

void kal_codes_free(kal_codes *codes)
{
    if (!codes)
        return;
    kal_codes_forget(codes);
    kal_free(codes);
}

size_t kal_codes_open(const kal_codes *codes)
{
    return codes->open;
}
