#include "run/waits.h"

#include "base/alloc.h"
#include "base/map.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct kal_waits {
    kal_u64map heads; /* customer -> index of its first entry */
    kal_wait_entry *entries;
    uint32_t len, cap;
    uint32_t free; /* list of unused entries */
    size_t count, instances;
};

kal_waits *kal_waits_new(void)
{
    kal_waits *waits = kal_calloc(1, sizeof *waits);
    waits->free = NONE;
    return waits;
}

void kal_waits_free(kal_waits *waits)
{
    if (!waits)
        return;
    kal_u64map_deinit(&waits->heads);
    kal_free(waits->entries);
    kal_free(waits);
}

size_t kal_waits_count(const kal_waits *waits)
{
    return waits->count;
}

size_t kal_waits_instances(const kal_waits *waits)
{
    return waits->instances;
}

static uint32_t take_entry(kal_waits *waits)
{
    if (waits->free != NONE) {
        uint32_t index = waits->free;
        waits->free = waits->entries[index].next;
        return index;
    }
    if (waits->len == waits->cap) {
        if (waits->cap >= NONE / 2)
            abort();
        /* Half as much again: at a million entries doubling would waste what a wait costs. */
        waits->cap = waits->cap ? waits->cap + waits->cap / 2 : 256;
        waits->entries = kal_realloc(waits->entries, waits->cap * sizeof *waits->entries);
    }
    return waits->len++;
}

static uint32_t head(const kal_waits *waits, uint64_t customer)
{
    uint64_t index;
    return kal_u64map_get(&waits->heads, customer, &index) ? (uint32_t)index : NONE;
}

/* One of a customer's entries, from this one on, is the instance's. */
static bool has_instance(const kal_waits *waits, uint32_t index, kal_uuid instance)
{
    while (index != NONE && !kal_uuid_eq(waits->entries[index].instance, instance))
        index = waits->entries[index].next;
    return index != NONE;
}

void kal_waits_add(kal_waits *waits, uint64_t customer, kal_uuid instance, uint32_t seq,
                   uint32_t place)
{
    uint32_t first = head(waits, customer);
    uint32_t index = take_entry(waits);
    waits->instances += !has_instance(waits, first, instance);
    waits->entries[index] = (kal_wait_entry){instance, place, seq & INT32_MAX, false, first};
    kal_u64map_put(&waits->heads, customer, index);
    waits->count++;
}

bool kal_waits_drop(kal_waits *waits, uint64_t customer, kal_uuid instance, uint32_t seq)
{
    uint32_t before = NONE;
    uint32_t first = head(waits, customer);
    uint32_t index = first;
    while (index != NONE) {
        kal_wait_entry *entry = &waits->entries[index];
        if (entry->seq == seq && kal_uuid_eq(entry->instance, instance))
            break;
        before = index;
        index = entry->next;
    }
    if (index == NONE)
        return false;
    uint32_t next = waits->entries[index].next;
    if (before != NONE)
        waits->entries[before].next = next;
    else if (next != NONE)
        kal_u64map_put(&waits->heads, customer, next);
    else
        kal_u64map_del(&waits->heads, customer);
    waits->entries[index].next = waits->free;
    waits->free = index;
    waits->count--;
    waits->instances -= !has_instance(waits, before != NONE ? first : next, instance);
    return true;
}

void kal_waits_hold(kal_waits *waits, uint64_t customer, kal_uuid instance, bool held)
{
    for (uint32_t i = head(waits, customer); i != NONE; i = waits->entries[i].next)
        if (kal_uuid_eq(waits->entries[i].instance, instance))
            waits->entries[i].held = held;
}

const kal_wait_entry *kal_waits_next(const kal_waits *waits, uint64_t customer,
                                     const kal_wait_entry *entry)
{
    uint32_t index = entry ? entry->next : head(waits, customer);
    return index == NONE ? NULL : &waits->entries[index];
}

const kal_wait_entry *kal_waits_find(const kal_waits *waits, uint64_t customer, kal_uuid instance,
                                     uint32_t seq)
{
    const kal_wait_entry *entry = NULL;
    while ((entry = kal_waits_next(waits, customer, entry)))
        if (entry->seq == seq && kal_uuid_eq(entry->instance, instance))
            return entry;
    return NULL;
}
