#include "run/quota.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#define DAY_MS INT64_C(86400000)
#define NO_LIMIT (-1)

struct kal_quota {
    _Atomic int64_t most[KAL_QUOTA_KINDS]; /* NO_LIMIT: its count is not kept right */
    _Atomic int64_t used[KAL_QUOTA_KINDS];
    _Atomic int64_t day; /* of the events */
};

struct kal_quotas {
    kal_cell_book *book;
    uv_rwlock_t lock;
    kal_strmap tenants;  /* by id's bytes, of those that have a quota or had one */
    atomic_size_t count; /* of them, to be read without the lock */
    atomic_int loading;  /* of all */
    atomic_bool loaded;
};

const char *kal_quota_text(kal_quota_kind kind)
{
    static const char *const texts[] = {
        [KAL_QUOTA_INSTANCES] = "the quota instances is used up",
        [KAL_QUOTA_CUSTOMERS] = "the quota customers is used up",
        [KAL_QUOTA_EVENTS] = "the quota events_per_day is used up",
    };
    return texts[kind];
}

kal_quotas *kal_quotas_new(kal_cell_book *book)
{
    kal_quotas *quotas = kal_calloc(1, sizeof *quotas);
    quotas->book = book;
    uv_rwlock_init(&quotas->lock);
    return quotas;
}

void kal_quotas_free(kal_quotas *quotas)
{
    size_t at = 0;
    kal_str key;
    void *value;
    if (!quotas)
        return;
    while (kal_strmap_next(&quotas->tenants, &at, &key, &value))
        kal_free(value);
    kal_strmap_deinit(&quotas->tenants);
    uv_rwlock_destroy(&quotas->lock);
    kal_free(quotas);
}

bool kal_quotas_ready(const kal_quotas *quotas)
{
    return atomic_load_explicit(&quotas->loaded, memory_order_relaxed);
}

bool kal_quotas_under_way(const kal_quotas *quotas)
{
    return atomic_load(&quotas->loading) > 0;
}

static kal_str key_of(const kal_uuid *tenant)
{
    return (kal_str){(const char *)tenant->b, sizeof tenant->b};
}

kal_quota *kal_quotas_find(kal_quotas *quotas, kal_uuid tenant)
{
    if (!quotas || !atomic_load_explicit(&quotas->count, memory_order_relaxed))
        return NULL;
    uv_rwlock_rdlock(&quotas->lock);
    kal_quota *quota = kal_strmap_get(&quotas->tenants, key_of(&tenant));
    uv_rwlock_rdunlock(&quotas->lock);
    return quota;
}

/* A new day begins with nothing; who sees it first says so. */
static void turn_day(kal_quota *quota, int64_t day)
{
    int64_t before = atomic_load(&quota->day);
    if (day > before && atomic_compare_exchange_strong(&quota->day, &before, day))
        atomic_store(&quota->used[KAL_QUOTA_EVENTS], 0);
}

bool kal_quota_take(kal_quota *quota, kal_quota_kind kind, int64_t now_ms)
{
    if (kind == KAL_QUOTA_EVENTS)
        turn_day(quota, now_ms / DAY_MS);
    int64_t most = atomic_load(&quota->most[kind]);
    if (atomic_fetch_add(&quota->used[kind], 1) < most || most == NO_LIMIT)
        return true;
    atomic_fetch_sub(&quota->used[kind], 1);
    return false;
}

int64_t kal_quota_most(const kal_quota *quota, kal_quota_kind kind)
{
    return atomic_load(&quota->most[kind]);
}

int64_t kal_quota_used(const kal_quota *quota, kal_quota_kind kind, int64_t now_ms)
{
    bool over = kind == KAL_QUOTA_EVENTS && atomic_load(&quota->day) < now_ms / DAY_MS;
    return over ? 0 : atomic_load(&quota->used[kind]);
}

void kal_quota_add(kal_quota *quota, kal_quota_kind kind, int64_t n)
{
    atomic_fetch_add(&quota->used[kind], n);
}

/* ---- loading ---- */

typedef struct kal_quota_load {
    kal_quotas *quotas;
    bool all;
    int64_t now_ms;
    void (*done)(void *data);
    void *data;
} kal_quota_load;

static kal_quota *entry_of(kal_quotas *quotas, kal_uuid tenant, bool make)
{
    kal_quota *quota = kal_strmap_get(&quotas->tenants, key_of(&tenant));
    if (quota || !make)
        return quota;
    quota = kal_calloc(1, sizeof *quota);
    for (int k = 0; k < KAL_QUOTA_KINDS; k++)
        atomic_store(&quota->most[k], NO_LIMIT);
    kal_strmap_put(&quotas->tenants, key_of(&tenant), quota);
    atomic_fetch_add(&quotas->count, 1);
    return quota;
}

static size_t number(const json_t *code, const char *name)
{
    return (size_t)json_integer_value(json_object_get(code, name));
}

/* The settings' {code}; what is not there has its default. */
static void take_code(kal_cell_book *book, const kal_pg_rows *rows, size_t row)
{
    char error[160];
    json_t *code = kal_json_parse(kal_pg_str(rows, row, 1 + 2 * KAL_QUOTA_KINDS), error);
    kal_cell_limits limits = {
        .wall_ms = (unsigned)number(code, "timeout_ms"),
        .at_once = (unsigned)number(code, "at_once"),
        .memory = number(code, "memory_mb") << 20,
        .input = number(code, "input_kb") << 10,
        .output = number(code, "output_kb") << 10,
        .source = number(code, "source_kb") << 10,
    };
    kal_cell_book_limit(book, kal_pg_uuid(rows, row, 0), &limits);
    json_decref(code);
}

/* Columns: tenant, the three limits, the three counts, what holds for code. A count that is kept
 * already is the better one, for it has what is under way. */
static void take_row(const kal_quota_load *load, const kal_pg_rows *rows, size_t row)
{
    bool any = false;
    for (size_t k = 0; k < KAL_QUOTA_KINDS; k++)
        any = any || !kal_pg_null(rows, row, 1 + k);
    kal_quota *quota = entry_of(load->quotas, kal_pg_uuid(rows, row, 0), any);
    take_code(load->quotas->book, rows, row);
    if (!quota)
        return;
    turn_day(quota, load->now_ms / DAY_MS);
    for (size_t k = 0; k < KAL_QUOTA_KINDS; k++) {
        bool limited = !kal_pg_null(rows, row, 1 + k);
        if (limited && (load->all || atomic_load(&quota->most[k]) == NO_LIMIT))
            atomic_store(&quota->used[k], kal_pg_int(rows, row, 1 + KAL_QUOTA_KINDS + k));
        atomic_store(&quota->most[k], limited ? kal_pg_int(rows, row, 1 + k) : NO_LIMIT);
    }
}

static void on_rows(void *data, const kal_pg_reply *reply)
{
    kal_quota_load *load = data;
    kal_quotas *quotas = load->quotas;
    if (reply->err) {
        kal_log(KAL_LOG_WARN, "quotas_not_loaded", "error", reply->message, NULL);
    } else {
        uv_rwlock_wrlock(&quotas->lock);
        for (size_t row = 0; row < kal_pg_count(reply->rows[0]); row++)
            take_row(load, reply->rows[0], row);
        uv_rwlock_wrunlock(&quotas->lock);
    }
    if (load->all && atomic_fetch_sub(&quotas->loading, 1) == 1)
        atomic_store(&quotas->loaded, !reply->err);
    if (load->done)
        load->done(load->data);
    kal_free(load);
}

void kal_quotas_load(kal_quotas *quotas, kal_pool *pool, const kal_uuid *tenants, size_t n,
                     int64_t now_ms, void (*done)(void *data), void *data)
{
    kal_quota_load *load = kal_alloc(sizeof *load);
    *load = (kal_quota_load){quotas, n == 0, now_ms, done, data};
    if (load->all) {
        atomic_store(&quotas->loaded, false);
        atomic_fetch_add(&quotas->loading, 1);
    }
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_value *ids = kal_alloc((n + 1) * sizeof *ids);
    for (size_t t = 0; t < n; t++)
        ids[t] = kal_v_uuid(tenants[t]);
    kal_args_add_array(args, KAL_UUID, ids, n);
    kal_free(ids);
    kal_args_add(args, kal_v_int(KAL_INT4, now_ms / DAY_MS));
    kal_pg_call_add(call, KAL_SQL_LOAD_QUOTAS, args);
    kal_pool_send(pool, call, on_rows, load);
}
