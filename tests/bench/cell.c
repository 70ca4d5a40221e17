/* Cell calls of one tenant: so many at a time for so many seconds, then at a fixed rate.
 * usage: cell HOME OUTSTANDING SECONDS [RATE]
 * Prints {"per_second", "p50_ms", "p99_ms"}; latency from the instant a call was meant to begin. */
#include "lua/host/cell.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "lua/host/zygote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS 1000000000ULL
#define SAMPLES_MOST 10000000

typedef struct bench {
    kal_cells *cells;
    uv_loop_t loop;
    uv_timer_t timer;
    char input[1200];
    size_t outstanding, most;
    uint64_t began_ns, until_ns, every_ns, next_ns; /* every_ns 0: as fast as it goes */
    size_t done;
    uint32_t *samples_us;
} bench;

typedef struct sample {
    bench *bench;
    uint64_t meant_ns;
} sample;

static const char SOURCE[] =
    "local c = ctx.customer c.seen = ctx.now return { customer = c, ok = c.properties.n > 1 }";

static void begin(bench *b, uint64_t meant_ns);

static void on_done(void *data, const kal_cell_result *result)
{
    sample *s = data;
    bench *b = s->bench;
    uint64_t now_ns = kal_clock_mono_ns();
    if (result->end != KAL_CELL_OUTCOME) {
        fprintf(stderr, "cell: %.*s\n", (int)result->text.n, result->text.p);
        exit(1);
    }
    if (b->done < SAMPLES_MOST)
        b->samples_us[b->done++] = (uint32_t)((now_ns - s->meant_ns) / 1000);
    b->outstanding--;
    kal_free(s);
    if (!b->every_ns && now_ns < b->until_ns)
        begin(b, now_ns);
    if (!b->outstanding && now_ns >= b->until_ns)
        uv_stop(&b->loop);
}

static void begin(bench *b, uint64_t meant_ns)
{
    sample *s = kal_alloc(sizeof *s);
    *s = (sample){b, meant_ns};
    b->outstanding++;
    kal_cell_call call = {.tenant = {.b = {1}},
                          .source = {SOURCE, sizeof SOURCE - 1},
                          .input = kal_str_of(b->input),
                          .done = on_done,
                          .data = s};
    kal_cells_call(b->cells, &call);
}

static void on_timer(uv_timer_t *timer)
{
    bench *b = timer->data;
    uint64_t now_ns = kal_clock_mono_ns();
    for (; b->next_ns <= now_ns && b->next_ns < b->until_ns; b->next_ns += b->every_ns)
        begin(b, b->next_ns);
    if (now_ns >= b->until_ns)
        uv_timer_stop(timer);
    if (!b->outstanding && now_ns >= b->until_ns)
        uv_stop(&b->loop);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const bench *b, double share)
{
    return b->done ? b->samples_us[(size_t)((double)(b->done - 1) * share)] / 1000.0 : 0;
}

static void run(bench *b, double seconds, double rate)
{
    b->began_ns = kal_clock_mono_ns();
    b->until_ns = b->began_ns + (uint64_t)(seconds * (double)NS);
    b->every_ns = rate > 0 ? (uint64_t)((double)NS / rate) : 0;
    b->next_ns = b->began_ns;
    b->done = 0;
    if (rate > 0)
        uv_timer_start(&b->timer, on_timer, 1, 1);
    for (size_t i = 0; rate <= 0 && i < b->most; i++)
        begin(b, b->began_ns);
    uv_run(&b->loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    kal_buf error = {0};
    bench b = {0};
    if (kal_zygote_is_one(argc, argv))
        return kal_zygote_main(argc, argv);
    if (argc < 4)
        return 2;
    kal_zygote *zygote = kal_zygote_start(argv[1], 1, &error);
    if (!zygote) {
        fprintf(stderr, "cell: %s\n", error.data);
        return 1;
    }
    snprintf(b.input, sizeof b.input,
             "{\"customer\":{\"email\":\"ann@example.com\",\"properties\":{\"n\":7,\"text\":"
             "\"%0900d\"}},\"now\":1790000000000}",
             1);
    uv_loop_init(&b.loop);
    uv_timer_init(&b.loop, &b.timer);
    b.timer.data = &b;
    b.most = (size_t)atoi(argv[2]);
    b.samples_us = kal_alloc(SAMPLES_MOST * sizeof *b.samples_us);
    kal_cell_book *book = kal_cell_book_new();
    b.cells = kal_cells_new(&b.loop, kal_zygote_channel(zygote, 0), book, NULL, NULL);
    run(&b, 0.3, 0); /* warm */
    run(&b, atof(argv[3]), argc > 4 ? atof(argv[4]) : 0);
    double took = (double)(kal_clock_mono_ns() - b.began_ns) / (double)NS;
    qsort(b.samples_us, b.done, sizeof *b.samples_us, compare);
    printf("{\"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", (double)b.done / took,
           percentile_ms(&b, 0.5), percentile_ms(&b, 0.99));
    kal_cells_free(b.cells);
    uv_close((uv_handle_t *)&b.timer, NULL);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    kal_zygote_stop(zygote);
    kal_cell_book_free(book);
    kal_free(b.samples_us);
    return 0;
}
