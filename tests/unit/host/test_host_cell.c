/* Whatever a tenant's code does, the engine lives, the call is answered with a reason, and nobody
 * else's call is lost. */
#include "base/alloc.h"
#include "base/json.h"
#include "json_of.h"
#include "lua/host/cell.h"
#include "lua/host/zygote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

typedef struct rig {
    uv_loop_t loop;
    kal_zygote *zygote;
    kal_cell_book *book;
    kal_cells *cells;
    kal_uuid off; /* whose code was switched off last */
    size_t waiting;
} rig;

typedef struct answer {
    rig *rig;
    bool there;
    kal_cell_end end;
    char text[70000];
} answer;

static const kal_uuid ann = {.b = {1}}, bob = {.b = {2}};

static void on_off(void *data, kal_uuid tenant)
{
    ((rig *)data)->off = tenant;
}

static int open_rig(void **state)
{
    kal_buf error = {0};
    rig *r = kal_calloc(1, sizeof *r);
    r->zygote = kal_zygote_start(".", 2, &error);
    assert_non_null(r->zygote);
    uv_loop_init(&r->loop);
    r->book = kal_cell_book_new();
    r->cells = kal_cells_new(&r->loop, kal_zygote_channel(r->zygote, 1), r->book, on_off, r);
    *state = r;
    return 0;
}

static int close_rig(void **state)
{
    rig *r = *state;
    kal_cells_free(r->cells);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    kal_zygote_stop(r->zygote);
    kal_cell_book_free(r->book);
    kal_free(r);
    return 0;
}

static void on_done(void *data, const kal_cell_result *result)
{
    answer *a = data;
    assert_false(a->there);
    a->there = true;
    a->end = result->end;
    snprintf(a->text, sizeof a->text, "%.*s", (int)result->text.n, result->text.p);
    a->rig->waiting--;
}

static void call_with(rig *r, kal_uuid tenant, const char *source, const char *input, answer *a)
{
    *a = (answer){.rig = r};
    r->waiting++;
    kal_cell_call call = {.tenant = tenant,
                          .source = kal_str_of(source),
                          .input = kal_str_of(input),
                          .seed = 42,
                          .done = on_done,
                          .data = a};
    kal_cells_call(r->cells, &call);
    assert_false(a->there); /* never inside the call */
}

static void call(rig *r, kal_uuid tenant, const char *source, answer *a)
{
    call_with(r, tenant, source, "{\"customer\":{\"email\":\"a@b.c\"},\"now\":1}", a);
}

static void wait_all(rig *r)
{
    while (r->waiting)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static answer *ask(rig *r, const char *source)
{
    static answer a;
    call(r, ann, source, &a);
    wait_all(r);
    return &a;
}

static void assert_outcome(rig *r, const char *source, const char *expected)
{
    const answer *a = ask(r, source);
    if (a->end != KAL_CELL_OUTCOME)
        fail_msg("%s: %s", source, a->text);
    json_t *got = json_of(a->text), *want = json_of(expected);
    if (!json_equal(got, want))
        fail_msg("%s: gave %s", source, a->text);
    json_decref(got);
    json_decref(want);
}

static void assert_fails(rig *r, const char *source, const char *part)
{
    const answer *a = ask(r, source);
    if (a->end != KAL_CELL_FAILED || !strstr(a->text, part))
        fail_msg("%s: %s", source, a->text);
}

static const char two[] = "{'call':'members','now':7,'customers':["
                          "{'external_id':'a','n':1},{'external_id':'b','n':2}]}";

static void assert_members(rig *r, const char *source, const char *expected)
{
    static answer a;
    json_t *input = json_of(two);
    char *text = json_dumps(input, 0);
    a = (answer){.rig = r};
    r->waiting++;
    kal_cell_call call = {.tenant = ann,
                          .wall_ms = 1000,
                          .source = kal_str_of(source),
                          .input = kal_str_of(text),
                          .done = on_done,
                          .data = &a};
    kal_cells_call(r->cells, &call);
    wait_all(r);
    json_t *got = json_of(a.text), *want = json_of(expected);
    if (a.end != KAL_CELL_OUTCOME || !json_equal(got, want))
        fail_msg("%s: gave %s", source, a.text);
    json_decref(got);
    json_decref(want);
    json_decref(input);
    free(text);
}

static void predicates_are_asked_about_each_customer(void **state)
{
    rig *r = *state;
    assert_members(r, "return ctx.customer.n > 1 and ctx.now == 7",
                   "{'kind':'members','members':[false,true]}");
    assert_members(r, "return ctx.customers", "{'kind':'members','members':[false,false]}");
    assert_members(r, "assert(ctx.customer.n > 1, 'no') return true",
                   "{'kind':'members','members':[null,true],'reason':'code:1: no'}");
    assert_members(r, "while ctx.customer.n > 1 do end return true",
                   "{'kind':'members','members':[true,null],"
                   "'reason':'took longer than 100 ms'}");
    assert_members(r, "pcall(kal.effect.emit, {event_type = 'x'}) return true",
                   "{'kind':'members','members':[true,true]}");
    assert_members(r, "return kal.null", "{'kind':'members','members':[false,false]}");
}

static void code_gives_outcomes(void **state)
{
    rig *r = *state;
    assert_outcome(r, "return { a = 1.5, b = { 1, 2 } }",
                   "{'kind':'complete','result':{'a':1.5,'b':[1,2]}}");
    assert_outcome(r, "return kal.branch('vip', { n = 1 })",
                   "{'kind':'complete','branch':'vip','result':{'n':1}}");
    assert_outcome(r, "return kal.fail('no')", "{'kind':'fail','reason':'no'}");
    assert_outcome(r, "return kal.wait { duration = '3d', state = { x = 1 } }",
                   "{'kind':'wait','duration':'3d','state':{'x':1}}");
    assert_outcome(r, "return ctx.customer.email:upper()", "{'kind':'complete','result':'A@B.C'}");
    assert_outcome(r, "kal.effect.add_tag 'vip' kal.effect.update_profile { plan = 'gold' }",
                   "{'kind':'complete','effects':[{'kind':'add_tag','tag':'vip'},"
                   "{'kind':'update_profile','fields':{'plan':'gold'}}]}");
    assert_outcome(r, "local s = 0 for i = 1, 1e5 do s = s + i % 7 end return s > 0",
                   "{'kind':'complete','result':true}");
}

static void one_call_leaves_nothing_to_the_next(void **state)
{
    rig *r = *state;
    assert_outcome(r, "leak = 1 return leak", "{'kind':'complete','result':1}");
    assert_outcome(r, "return leak == nil", "{'kind':'complete','result':true}");
    assert_fails(r, "string.sub = 1", "read-only");
    assert_fails(r, "kal.branch = 1", "read-only");
    assert_fails(r, "kal.array(string)", "table expected");
    assert_fails(r, "kal.array(kal).x = 1", "table expected");
    assert_fails(r, "table.insert(string, 1)", "table expected");
    assert_fails(r, "table.insert(kal.effect, 1)", "table expected");
    assert_fails(r, "rawset(kal, 'x', 1)", "rawset");
    assert_fails(r, "getmetatable(kal.array()).x = 1", "index");
    assert_outcome(r, "return ('x'):upper()", "{'kind':'complete','result':'X'}");
    assert_outcome(r, "return { ctx.random(), ctx.random(6), math.random(1, 6) }",
                   ask(r, "return { ctx.random(), ctx.random(6), math.random(1, 6) }")->text);
}

static void a_mistake_is_told_with_its_line(void **state)
{
    rig *r = *state;
    assert_fails(r, "local x = 1\nreturn x.y.z", "code:2:");
    assert_fails(r, "return +", "code:1:");
    assert_fails(r, "error({ a = 1 })", "no text");
    assert_fails(r, "error('too bad', 0)", "too bad");
}

/* Programs of tests/fixtures/hostile.txt, a line each, and bytecode. */
typedef struct corpus {
    kal_buf text;
    const char *programs[200];
    size_t n;
} corpus;

static void open_corpus(corpus *c)
{
    *c = (corpus){.programs = {"\x1bLJ\x02\x02"}, .n = 1};
    FILE *file = fopen("tests/fixtures/hostile.txt", "re");
    assert_non_null(file);
    kal_buf_reserve(&c->text, 1 << 16);
    c->text.len = fread(c->text.data, 1, (1 << 16) - 1, file);
    c->text.data[c->text.len] = 0;
    fclose(file);
    char *rest = c->text.data;
    for (char *line; (line = strtok_r(rest, "\n", &rest)); c->programs[c->n++] = line)
        assert_true(c->n < 200);
    assert_true(c->n >= 60);
}

static size_t descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* A second tenant calls all the while. The breaker is kept from switching ann off by tenants of
 * one use. */
static void hostile_code_harms_nobody(void **state)
{
    rig *r = *state;
    static answer answers[200], fair[200];
    corpus c;
    open_corpus(&c);
    size_t before = descriptors();
    for (size_t i = 0; i < c.n; i++) {
        kal_uuid tenant = {.b = {3, (uint8_t)i}};
        call(r, tenant, c.programs[i], &answers[i]);
        call(r, bob, "return ctx.now + 1", &fair[i]);
        if (i % 8 == 7)
            wait_all(r);
    }
    wait_all(r);
    for (size_t i = 0; i < c.n; i++) {
        if (answers[i].end == KAL_CELL_BUSY || !answers[i].text[0])
            fail_msg("%s: %d %s", c.programs[i], answers[i].end, answers[i].text);
        assert_null(strchr(answers[i].text, '/')); /* no path of the host */
        assert_string_equal(fair[i].text, "{\"kind\":\"complete\",\"result\":2}");
    }
    kal_cells_free(r->cells);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    r->cells = kal_cells_new(&r->loop, kal_zygote_channel(r->zygote, 1), r->book, on_off, r);
    assert_true(descriptors() <= before);
    kal_buf_deinit(&c.text);
}

static void calls_behind_one_that_is_killed_are_not_lost(void **state)
{
    rig *r = *state;
    static answer bad, good[40];
    call(r, ann, "return ('a'):rep(30000):match('.-.-.-.-b')", &bad);
    for (int i = 0; i < 40; i++)
        call(r, ann, "return 'ok'", &good[i]);
    wait_all(r);
    assert_int_equal(bad.end, KAL_CELL_FAILED);
    assert_non_null(strstr(bad.text, "deadline"));
    for (int i = 0; i < 40; i++)
        assert_int_equal(good[i].end, KAL_CELL_OUTCOME);
}

/* The engine's loop stood still: what has been answered meanwhile is not late. */
static void a_late_loop_kills_nobody(void **state)
{
    rig *r = *state;
    static answer first, good[32];
    kal_cell_usage usage;
    call(r, ann, "return 1", &first);
    wait_all(r);
    for (int i = 0; i < 32; i++)
        call(r, ann, "local n = 0 for i = 1, 1e6 do n = n + i end return n", &good[i]);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    uv_run(&r->loop, UV_RUN_ONCE); /* the watch has seen the first */
    uv_sleep(1500);
    wait_all(r);
    for (int i = 0; i < 32; i++)
        assert_int_equal(good[i].end, KAL_CELL_OUTCOME);
    assert_true(kal_cell_book_usage(r->book, ann, &usage));
    assert_int_equal(usage.kills, 0);
}

static void code_that_keeps_being_killed_is_switched_off(void **state)
{
    rig *r = *state;
    kal_cell_usage usage;
    for (int i = 0; i < 5; i++)
        assert_fails(r, "local function g() string.gsub('aaa', 'a', g) end g()", "crashed");
    assert_fails(r, "return 1", "switched off");
    assert_true(kal_cell_book_usage(r->book, ann, &usage));
    assert_true(usage.off);
    assert_int_equal(usage.kills, 5);
    static answer other;
    call(r, bob, "return 1", &other);
    wait_all(r);
    assert_int_equal(other.end, KAL_CELL_OUTCOME); /* nobody else's is */
}

static void what_is_too_large_is_refused(void **state)
{
    rig *r = *state;
    static answer a;
    static char text[300000];
    memset(text, ' ', sizeof text - 1);
    call(r, ann, text, &a);
    wait_all(r);
    assert_int_equal(a.end, KAL_CELL_FAILED);
    call_with(r, ann, "return 1", text, &a);
    wait_all(r);
    assert_int_equal(a.end, KAL_CELL_FAILED);
}

static void a_worker_is_used_again_and_recycled(void **state)
{
    rig *r = *state;
    static answer answers[2500];
    for (int i = 0; i < 2500; i++)
        call(r, ann, "return 1", &answers[i]);
    wait_all(r);
    for (int i = 0; i < 2500; i++)
        assert_int_equal(answers[i].end, KAL_CELL_OUTCOME);
    assert_int_equal(kal_cells_workers(r->cells), 1);
}

static void an_end_answers_what_waits(void **state)
{
    rig *r = *state;
    static answer a;
    call(r, ann, "while true do end", &a);
    kal_cells_free(r->cells);
    assert_int_equal(a.end, KAL_CELL_BUSY);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    r->cells = kal_cells_new(&r->loop, kal_zygote_channel(r->zygote, 1), r->book, on_off, r);
}

int main(int argc, char **argv)
{
    if (kal_zygote_is_one(argc, argv))
        return kal_zygote_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(code_gives_outcomes, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(predicates_are_asked_about_each_customer, open_rig,
                                        close_rig),
        cmocka_unit_test_setup_teardown(one_call_leaves_nothing_to_the_next, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_mistake_is_told_with_its_line, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(hostile_code_harms_nobody, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(calls_behind_one_that_is_killed_are_not_lost, open_rig,
                                        close_rig),
        cmocka_unit_test_setup_teardown(a_late_loop_kills_nobody, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(code_that_keeps_being_killed_is_switched_off, open_rig,
                                        close_rig),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_refused, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_worker_is_used_again_and_recycled, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(an_end_answers_what_waits, open_rig, close_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
