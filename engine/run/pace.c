#include "run/pace.h"

#include <string.h>

#define MOST 200 /* patient bursts of a turn */
#define LEAST 2
#define TARGET_NS 1000000ULL      /* what a patient turn may take while callers are about */
#define REST 2                    /* how many times as long it then leaves to others, */
#define REST_MOST_NS 250000000ULL /* but no longer: a process may have stood still in its turn */
#define CALLERS_NS 250000000ULL   /* callers are about when one came this lately */
#define CROWD 8                   /* callers' works that make a turn slow anyway */
#define PATIENCE_NS 30000000000ULL
#define FAILED_NS 500000000ULL
#define MS 1000000ULL

void kal_pace_init(kal_pace *pace, kal_pace_gate *gate)
{
    *pace = (kal_pace){.gate = gate, .share = LEAST};
}

/* The random half of a tenant's id. */
static uint64_t tag(const kal_uuid *tenant)
{
    uint64_t tag;
    memcpy(&tag, tenant->b + sizeof tenant->b - sizeof tag, sizeof tag);
    return tag;
}

static uint64_t get(const atomic_uint_fast64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

static void set(atomic_uint_fast64_t *field, uint64_t value)
{
    atomic_store_explicit(field, value, memory_order_relaxed);
}

void kal_pace_called(kal_pace_gate *gate, const kal_uuid *tenant, uint64_t now_ns)
{
    uint64_t caller = tag(tenant);
    if (get(&gate->caller) != caller) {
        set(&gate->turned_ns, get(&gate->called_ns) ? now_ns : 0);
        set(&gate->caller, caller);
    }
    set(&gate->called_ns, now_ns);
}

static bool is_recent(uint64_t instant_ns, uint64_t now_ns)
{
    return instant_ns && (now_ns < instant_ns || now_ns - instant_ns < CALLERS_NS);
}

/* Callers are about, beside the owner's own. */
static bool has_callers(const kal_pace_gate *gate, const kal_uuid *owner, uint64_t now_ns)
{
    if (!is_recent(get(&gate->called_ns), now_ns))
        return false;
    bool own = owner && get(&gate->caller) == tag(owner);
    return !own || is_recent(get(&gate->turned_ns), now_ns);
}

static bool enter(kal_pace *pace, uint64_t now_ns)
{
    uint_fast64_t after_ns = get(&pace->gate->after_ns);
    pace->inside = now_ns >= after_ns && atomic_compare_exchange_strong(&pace->gate->after_ns,
                                                                        &after_ns, UINT_FAST64_MAX);
    return pace->inside;
}

size_t kal_pace_begin(kal_pace *pace, size_t works, const kal_uuid *owner, uint64_t now_ns)
{
    pace->began_ns = now_ns;
    pace->taken = 0;
    if (!pace->since_ns)
        pace->since_ns = now_ns;
    if (now_ns < pace->rests_ns)
        return 0;
    if (!has_callers(pace->gate, owner, now_ns) || now_ns - pace->since_ns > PATIENCE_NS)
        return MOST;
    size_t beside = works < CROWD ? 0 : works;
    size_t share = enter(pace, now_ns) && pace->share > beside ? pace->share : beside;
    return share < MOST ? share : MOST;
}

void kal_pace_idle(kal_pace *pace)
{
    pace->since_ns = 0;
}

void kal_pace_took(kal_pace *pace, size_t taken)
{
    pace->taken += taken;
}

void kal_pace_end(kal_pace *pace, uint64_t now_ns)
{
    if (!pace->inside)
        return;
    uint64_t took_ns = pace->taken ? now_ns - pace->began_ns : 0;
    pace->inside = false;
    uint64_t rest_ns = REST * took_ns;
    atomic_store(&pace->gate->after_ns, now_ns + (rest_ns < REST_MOST_NS ? rest_ns : REST_MOST_NS));
    if (took_ns > TARGET_NS)
        pace->share = pace->share / 2 < LEAST ? LEAST : pace->share / 2;
    else if (pace->taken >= pace->share)
        pace->share = pace->share * 5 / 4 + 1 > MOST ? MOST : pace->share * 5 / 4 + 1;
}

void kal_pace_failed(kal_pace *pace, uint64_t now_ns)
{
    pace->rests_ns = now_ns + FAILED_NS;
}

uint64_t kal_pace_wait_ms(const kal_pace *pace, uint64_t now_ns)
{
    uint64_t after_ns = get(&pace->gate->after_ns);
    if (now_ns < pace->rests_ns && (after_ns == UINT_FAST64_MAX || after_ns < pace->rests_ns))
        after_ns = pace->rests_ns;
    return after_ns == UINT_FAST64_MAX || after_ns <= now_ns ? 1
                                                             : (after_ns - now_ns + MS - 1) / MS;
}
