#include "lua/host/worker.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "lua/host/frame.h"
#include "lua/host/jail.h"
#include "lua/host/reason.h"
#include "lua/host/value.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define HOOK_COUNT 1000
#define SOFT_PERCENT 80 /* of the deadline: from here on the code is told, by an error */
#define RUN_MS 100      /* what one of the many runs of a call may take */
#define RESULT_LEVELS 32
#define INPUT_MOST ((size_t)16 << 20) /* of source and input: more is no call of ours */
#define SANDBOX "kal.sandbox:"        /* the name of its chunk, which begins its messages */
#define NS_PER_MS 1000000ULL

/* Both instants must have passed: a worker without a core is not late. */
typedef struct deadline {
    uint64_t ns, cpu_ns;
    unsigned wall_ms; /* that it stands for */
} deadline;

typedef struct worker {
    lua_State *L;
    kal_values *values;
    size_t memory, memory_most;
    uint64_t random; /* the state of the call's generator */
    deadline soft;
    bool late; /* past the soft deadline: no pcall of the code's holds this up */
    bool full; /* the memory ran out in this call */
    int run_ref, sources_ref;
    kal_buf in, reason;
} worker;

/* The one of this process: hooks and C functions of Lua have no other way to it. */
static worker *self(lua_State *L)
{
    void *data;
    (void)lua_getallocf(L, &data);
    return data;
}

static void *allocate(void *data, void *old, size_t old_size, size_t size)
{
    worker *w = data;
    if (size == 0) {
        w->memory -= old ? old_size : 0;
        free(old);
        return NULL;
    }
    size_t before = old ? old_size : 0;
    if (size > before && size - before > w->memory_most - w->memory) {
        w->full = true;
        return NULL;
    }
    void *new = realloc(old, size);
    if (new)
        w->memory = w->memory - before + size;
    return new;
}

/* ---- what the sandbox's Lua gets from C ---- */

static deadline deadline_in(unsigned wall_ms)
{
    uint64_t ns = wall_ms * NS_PER_MS * SOFT_PERCENT / 100;
    return (deadline){kal_clock_mono_ns() + ns, kal_clock_cpu_ns() + ns, wall_ms};
}

static deadline sooner(deadline a, const deadline *b)
{
    a.ns = a.ns < b->ns ? a.ns : b->ns;
    a.cpu_ns = a.cpu_ns < b->cpu_ns ? a.cpu_ns : b->cpu_ns;
    return a;
}

static bool has_passed(const deadline *soft)
{
    return kal_clock_mono_ns() >= soft->ns && kal_clock_cpu_ns() >= soft->cpu_ns;
}

static int raise_late(lua_State *L)
{
    return luaL_error(L, "took longer than %d ms", (int)self(L)->soft.wall_ms);
}

static void on_count(lua_State *L, lua_Debug *debug)
{
    worker *w = self(L);
    (void)debug;
    if (!w->late && !has_passed(&w->soft))
        return;
    w->late = true;
    raise_late(L);
}

/* Errors stay caught only while there is time and memory. */
static int finish_pcall(lua_State *L, int status, int base)
{
    if (self(L)->late)
        return raise_late(L);
    if (status == LUA_ERRMEM)
        return luaL_error(L, "not enough memory");
    lua_pushboolean(L, status == 0);
    lua_insert(L, base);
    return lua_gettop(L) - base + 1;
}

static int host_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    return finish_pcall(L, lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0), 1);
}

/* xpcall(f, handler, …) */
static int host_xpcall(lua_State *L)
{
    luaL_checkany(L, 2);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_replace(L, 1); /* the handler below the function */
    lua_replace(L, 2);
    return finish_pcall(L, lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1), 2);
}

static void take_error(worker *w);

/* attempt(f, name): runs f() as one of the many runs of a call: in time of its own, with the
 * numbers that the name seeds. Answers true and its value, or false and why it failed. */
static int host_attempt(lua_State *L)
{
    worker *w = self(L);
    size_t n;
    const char *name = luaL_checklstring(L, 2, &n);
    deadline whole = w->soft;
    w->random = XXH3_64bits(name, n);
    w->soft = sooner(deadline_in(whole.wall_ms < RUN_MS ? whole.wall_ms : RUN_MS), &whole);
    lua_settop(L, 1);
    int status = lua_pcall(L, 0, 1, 0);
    w->soft = whole;
    w->late = w->late && has_passed(&whole);
    if (w->late)
        return raise_late(L);
    if (status == LUA_ERRMEM)
        return luaL_error(L, "not enough memory");
    if (status != 0) {
        take_error(w);
        lua_pushlstring(L, w->reason.data, w->reason.len);
    }
    lua_pushboolean(L, status == 0);
    lua_insert(L, -2);
    return 2;
}

static int host_metatable(lua_State *L)
{
    if (!lua_getmetatable(L, 1))
        lua_pushnil(L);
    return 1;
}

static int host_setenv(lua_State *L)
{
    lua_settop(L, 2);
    lua_setfenv(L, 1);
    return 0;
}

static int host_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (lua_getmetatable(L, 1)) { /* a library's table, or an array already */
        lua_rawgeti(L, LUA_REGISTRYINDEX, self(L)->values->array_ref);
        luaL_argcheck(L, lua_rawequal(L, -1, -2), 1, "the table is no plain one");
        lua_settop(L, 1);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, self(L)->values->array_ref);
    lua_setmetatable(L, 1);
    return 1;
}

/* splitmix64 (Steele, Lea, Flood 2014): the seed of the instance and node gives the same numbers
 * at each replay. */
static double next_random(worker *w)
{
    uint64_t z = (w->random += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

/* As math.random: (), (m), (m, n). */
static int host_random(lua_State *L)
{
    double r = next_random(self(L));
    if (lua_gettop(L) == 0) {
        lua_pushnumber(L, r);
        return 1;
    }
    lua_Number from = lua_gettop(L) > 1 ? luaL_checknumber(L, 1) : 1;
    lua_Number to = luaL_checknumber(L, lua_gettop(L) > 1 ? 2 : 1);
    luaL_argcheck(L, from <= to && to - from < 0x1.0p53, 1, "interval is empty or too large");
    lua_Number span = to - from + 1;
    lua_Number step = r * span;
    lua_pushnumber(L, from + (lua_Number)(int64_t)step);
    return 1;
}

static const luaL_Reg host[] = {
    {"pcall", host_pcall},     {"xpcall", host_xpcall},
    {"attempt", host_attempt}, {"metatable", host_metatable},
    {"setenv", host_setenv},   {"array", host_array},
    {"random", host_random},   {NULL, NULL},
};

/* ---- opening ---- */

static void open_library(lua_State *L, lua_CFunction open, const char *name)
{
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

static int open_state(lua_State *L)
{
    worker *w = self(L);
    const kal_str *sandbox = lua_touserdata(L, 1);
    open_library(L, luaopen_base, "");
    open_library(L, luaopen_string, LUA_STRLIBNAME);
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    w->values = kal_value_open(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->values->array_ref);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable"); /* all calls share it: none may change it */
    lua_newtable(L);
    w->sources_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (luaL_loadbuffer(L, sandbox->p, sandbox->n, "=" SANDBOX) != 0)
        return lua_error(L);
    lua_newtable(L);
    luaL_register(L, NULL, host);
    open_library(L, luaopen_bit, LUA_BITLIBNAME);
    lua_setfield(L, -2, "bit");
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_call(L, 1, 1);
    w->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* The first error makes the unwinder set itself up, with calls that the jail would kill for. */
static int raise_once(lua_State *L)
{
    return luaL_error(L, "once");
}

static bool open_all(worker *w, kal_str *sandbox)
{
    w->L = lua_newstate(allocate, w);
    if (!w->L || lua_cpcall(w->L, open_state, sandbox) != 0)
        return false;
    (void)lua_cpcall(w->L, raise_once, NULL);
    lua_settop(w->L, 0);
    return true;
}

/* ---- a call ---- */

typedef struct job {
    const kal_call_head *head;
    kal_str source, input;
    bool unwritable; /* the outcome cannot cross */
} job;

/* Pushes the chunk of the call's source, from what was compiled before or anew. */
static void push_chunk(lua_State *L, worker *w, const job *j)
{
    char key[24];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)j->head->source_id);
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->sources_ref);
    lua_getfield(L, -1, key);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    if (!j->source.n)
        luaL_error(L, "the worker does not know the code");
    if (luaL_loadbufferx(L, j->source.p, j->source.n, "=code", "t") != 0)
        lua_error(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, key);
}

static int run_call(lua_State *L)
{
    worker *w = self(L);
    job *j = lua_touserdata(L, 1);
    char error[160];
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->run_ref);
    push_chunk(L, w, j);
    lua_remove(L, -2);
    json_t *input = kal_json_parse(j->input, error);
    if (!input)
        return luaL_error(L, "the input cannot be read: %s", error);
    kal_value_push(L, w->values, input);
    json_decref(input);
    lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_COUNT);
    lua_call(L, 2, 1);
    lua_sethook(L, NULL, 0, 0);
    j->unwritable = !kal_value_write(L, w->values, -1, KAL_JSON_MAX_DEPTH - RESULT_LEVELS);
    return 0;
}

/* A C function that the code called last says where by the sandbox's line: that tells nobody. */
static kal_str without_our_line(kal_str text)
{
    size_t n = strlen(SANDBOX);
    if (text.n <= n || memcmp(text.p, SANDBOX, n) != 0)
        return text;
    const char *end = memmem(text.p, text.n, ": ", 2);
    return end ? (kal_str){end + 2, text.n - (size_t)(end + 2 - text.p)} : text;
}

static void fail(worker *w, const char *text, size_t n)
{
    kal_reason_clean(&w->reason, without_our_line((kal_str){text, n}), "");
}

/* Errors are values, and untrusted: only a text is looked at. */
static void take_error(worker *w)
{
    size_t n = 0;
    const char *text = lua_type(w->L, -1) == LUA_TSTRING ? lua_tolstring(w->L, -1, &n) : NULL;
    if (text)
        fail(w, text, n);
    else
        fail(w, "an error that is no text", 24);
}

static kal_reply_kind run(worker *w, job *j)
{
    w->soft = deadline_in(j->head->wall_ms);
    w->random = j->head->seed;
    w->late = w->full = false;
    int status = lua_cpcall(w->L, run_call, j);
    lua_sethook(w->L, NULL, 0, 0);
    if (status != 0) {
        take_error(w);
        lua_settop(w->L, 0);
        return w->late || w->full || status != LUA_ERRRUN ? KAL_REPLY_LIMIT : KAL_REPLY_FAILED;
    }
    if (j->unwritable) {
        kal_buf_clear(&w->reason);
        kal_buf_printf(&w->reason, "what the code gave cannot be kept: %s", w->values->error);
        return KAL_REPLY_FAILED;
    }
    if (w->values->out.len > j->head->output_most) {
        kal_buf_clear(&w->reason);
        kal_buf_printf(&w->reason, "what the code gave is over %u KB", j->head->output_most / 1024);
        return KAL_REPLY_FAILED;
    }
    return KAL_REPLY_OUTCOME;
}

/* ---- the pipe: whatever is wrong with it ends the process ---- */

static void read_all(char *out, size_t n)
{
    while (n) {
        ssize_t got = read(KAL_JAIL_PIPE, out, n);
        if (got <= 0)
            _exit(0);
        out += got;
        n -= (size_t)got;
    }
}

static void write_all(const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t put = write(KAL_JAIL_PIPE, p, n);
        if (put <= 0)
            _exit(0);
        p += put;
        n -= (size_t)put;
    }
}

static void answer(worker *w, const kal_call_head *head)
{
    size_t n = (size_t)head->source_len + head->input_len;
    if (n > INPUT_MOST)
        _exit(0);
    kal_buf_clear(&w->in);
    read_all(kal_buf_reserve(&w->in, n), n);
    job j = {.head = head,
             .source = {w->in.data, head->source_len},
             .input = {w->in.data + head->source_len, head->input_len}};
    uint64_t began_ns = kal_clock_cpu_ns();
    kal_reply_kind kind = run(w, &j);
    const kal_buf *text = kind == KAL_REPLY_OUTCOME ? &w->values->out : &w->reason;
    kal_reply_head reply = {.id = head->id,
                            .cpu_ns = kal_clock_cpu_ns() - began_ns,
                            .kind = kind,
                            .text_len = (uint32_t)text->len,
                            .memory = w->memory};
    write_all(&reply, sizeof reply);
    write_all(text->data, text->len);
    if (w->memory > w->memory_most / 2)
        lua_gc(w->L, LUA_GCCOLLECT, 0);
}

void kal_worker_main(int pipe, kal_str sandbox, size_t memory)
{
    static worker w; /* of a process that is nothing else */
    kal_call_head head;
    w.memory_most = memory;
    json_object_seed(0); /* reads the system's random device: later it could not */
    if (!kal_jail_enter(pipe, memory))
        _exit(1);
    if (!open_all(&w, &sandbox) || !kal_jail_close())
        _exit(1);
    for (;;) {
        read_all((char *)&head, sizeof head);
        answer(&w, &head);
    }
}
