#include "lua/host/cell_book.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"

#include <string.h>
#include <uv.h>

#define KILLS 5 /* within a minute: then the code is switched off for five */
#define KILLS_NS 60000000000ULL
#define OFF_NS 300000000000ULL

struct kal_cell_account {
    kal_cell_book *book;
    kal_uuid tenant;
    kal_cell_limits limits;
    kal_cell_usage usage; /* `off` is told by off_until_ns */
    unsigned running;
    uint64_t kills[KILLS]; /* instants of the last ones, latest first */
    uint64_t off_until_ns;
};

struct kal_cell_book {
    uv_mutex_t lock; /* guards all of it, accounts too */
    kal_strmap accounts;
};

kal_cell_book *kal_cell_book_new(void)
{
    kal_cell_book *book = kal_calloc(1, sizeof *book);
    uv_mutex_init(&book->lock);
    return book;
}

void kal_cell_book_free(kal_cell_book *book)
{
    size_t at = 0;
    kal_str key;
    void *value;
    if (!book)
        return;
    while (kal_strmap_next(&book->accounts, &at, &key, &value))
        kal_free(value);
    kal_strmap_deinit(&book->accounts);
    uv_mutex_destroy(&book->lock);
    kal_free(book);
}

/* Under the lock, as all that begins with at_. */
static kal_cell_account *at_tenant(kal_cell_book *book, kal_uuid tenant, bool make)
{
    kal_str key = {(const char *)tenant.b, sizeof tenant.b};
    kal_cell_account *account = kal_strmap_get(&book->accounts, key);
    if (account || !make)
        return account;
    account = kal_calloc(1, sizeof *account);
    account->book = book;
    account->tenant = tenant;
    kal_strmap_put(&book->accounts, key, account);
    return account;
}

static kal_cell_usage at_usage(const kal_cell_account *account)
{
    kal_cell_usage usage = account->usage;
    usage.off = kal_clock_mono_ns() < account->off_until_ns;
    return usage;
}

kal_cell_account *kal_cell_book_account(kal_cell_book *book, kal_uuid tenant)
{
    uv_mutex_lock(&book->lock);
    kal_cell_account *account = at_tenant(book, tenant, true);
    uv_mutex_unlock(&book->lock);
    return account;
}

bool kal_cell_book_usage(kal_cell_book *book, kal_uuid tenant, kal_cell_usage *out)
{
    uv_mutex_lock(&book->lock);
    const kal_cell_account *account = at_tenant(book, tenant, false);
    bool any = account && account->usage.calls;
    if (any)
        *out = at_usage(account);
    uv_mutex_unlock(&book->lock);
    return any;
}

void kal_cell_book_each(kal_cell_book *book,
                        void (*each)(void *data, kal_uuid tenant, const kal_cell_usage *usage),
                        void *data)
{
    size_t at = 0;
    kal_str key;
    void *value;
    uv_mutex_lock(&book->lock);
    while (kal_strmap_next(&book->accounts, &at, &key, &value)) {
        const kal_cell_account *account = value;
        kal_cell_usage usage = at_usage(account);
        if (usage.calls)
            each(data, account->tenant, &usage);
    }
    uv_mutex_unlock(&book->lock);
}

void kal_cell_book_limit(kal_cell_book *book, kal_uuid tenant, const kal_cell_limits *limits)
{
    uv_mutex_lock(&book->lock);
    at_tenant(book, tenant, true)->limits = *limits;
    uv_mutex_unlock(&book->lock);
}

/* ---- a tenant's ---- */

static size_t within(size_t given, size_t otherwise, size_t most)
{
    size_t value = given ? given : otherwise;
    return value < most ? value : most;
}

kal_cell_limits kal_cell_account_limits(kal_cell_account *account, unsigned wall_ms)
{
    uv_mutex_lock(&account->book->lock);
    kal_cell_limits set = account->limits;
    uv_mutex_unlock(&account->book->lock);
    size_t most_ms = within(set.wall_ms, 1000, 1000);
    return (kal_cell_limits){
        .wall_ms = (unsigned)within(wall_ms ? wall_ms : set.wall_ms, 100, most_ms),
        .at_once = (unsigned)within(set.at_once, 2, 8),
        .memory = within(set.memory, (size_t)16 << 20, (size_t)64 << 20),
        .input = within(set.input, (size_t)256 << 10, (size_t)1 << 20),
        .output = within(set.output, (size_t)64 << 10, (size_t)256 << 10),
        .source = within(set.source, (size_t)64 << 10, (size_t)256 << 10),
    };
}

bool kal_cell_account_enter(kal_cell_account *account)
{
    unsigned most = kal_cell_account_limits(account, 0).at_once;
    uv_mutex_lock(&account->book->lock);
    bool may = account->running < most;
    account->running += may;
    uv_mutex_unlock(&account->book->lock);
    return may;
}

void kal_cell_account_leave(kal_cell_account *account)
{
    uv_mutex_lock(&account->book->lock);
    account->running--;
    uv_mutex_unlock(&account->book->lock);
}

void kal_cell_account_sent(kal_cell_account *account)
{
    uv_mutex_lock(&account->book->lock);
    account->usage.calls++;
    uv_mutex_unlock(&account->book->lock);
}

void kal_cell_account_ended(kal_cell_account *account, bool ok, uint64_t cpu_ns, size_t memory)
{
    uv_mutex_lock(&account->book->lock);
    account->usage.failures += !ok;
    account->usage.cpu_ns += cpu_ns;
    if (memory > account->usage.memory)
        account->usage.memory = memory;
    uv_mutex_unlock(&account->book->lock);
}

bool kal_cell_account_killed(kal_cell_account *account)
{
    uint64_t now_ns = kal_clock_mono_ns();
    uint64_t *kills = account->kills;
    uv_mutex_lock(&account->book->lock);
    account->usage.kills++;
    account->usage.failures++;
    memmove(kills + 1, kills, (KILLS - 1) * sizeof *kills);
    kills[0] = now_ns;
    bool off = kills[KILLS - 1] && now_ns - kills[KILLS - 1] <= KILLS_NS;
    if (off) {
        account->off_until_ns = now_ns + OFF_NS;
        memset(kills, 0, KILLS * sizeof *kills);
    }
    uv_mutex_unlock(&account->book->lock);
    return off;
}

bool kal_cell_account_is_off(kal_cell_account *account)
{
    uv_mutex_lock(&account->book->lock);
    bool off = kal_clock_mono_ns() < account->off_until_ns;
    uv_mutex_unlock(&account->book->lock);
    return off;
}
