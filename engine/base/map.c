#include "base/map.h"

#include "base/alloc.h"

#include <string.h>

#define LEAST 16 /* slots; a power of two, as every capacity */

static bool is_full(size_t len, size_t cap)
{
    return len >= cap - cap / 8;
}

/* Whether the element at `from`, whose home is `home`, may fill the hole at `hole` before it: not
 * when its home lies between the two. */
static bool may_fill(size_t home, size_t hole, size_t from, size_t mask)
{
    return ((from - home) & mask) >= ((from - hole) & mask);
}

typedef struct pair {
    uint64_t key, value;
} pair;

/* The pairs, and behind them in the same allocation one bit a slot that says whether it is taken.
 */
static pair *pairs(const kal_u64map *map)
{
    return map->slots;
}

static bool taken(const kal_u64map *map, size_t i)
{
    const uint8_t *bits = (const uint8_t *)(pairs(map) + map->cap);
    return bits[i / 8] >> i % 8 & 1;
}

static void flip(kal_u64map *map, size_t i)
{
    uint8_t *bits = (uint8_t *)(pairs(map) + map->cap);
    bits[i / 8] ^= (uint8_t)(1u << i % 8);
}

static uint64_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return key ^ key >> 32;
}

/* The key's slot, or the free one where it belongs. The map has slots, not all of them taken. */
static size_t pair_slot(const kal_u64map *map, uint64_t key)
{
    size_t mask = map->cap - 1, i = mix(key) & mask;
    while (taken(map, i) && pairs(map)[i].key != key)
        i = (i + 1) & mask;
    return i;
}

void kal_u64map_deinit(kal_u64map *map)
{
    kal_free(map->slots);
    *map = (kal_u64map){0};
}

bool kal_u64map_get(const kal_u64map *map, uint64_t key, uint64_t *value)
{
    if (map->len == 0)
        return false;
    size_t i = pair_slot(map, key);
    if (!taken(map, i))
        return false;
    *value = pairs(map)[i].value;
    return true;
}

static void grow_pairs(kal_u64map *map)
{
    size_t cap = map->cap ? map->cap * 2 : LEAST, at = 0;
    kal_u64map bigger = {kal_calloc(1, cap * sizeof(pair) + cap / 8), 0, cap};
    uint64_t key, value;
    while (kal_u64map_next(map, &at, &key, &value))
        kal_u64map_put(&bigger, key, value);
    kal_free(map->slots);
    *map = bigger;
}

void kal_u64map_put(kal_u64map *map, uint64_t key, uint64_t value)
{
    if (is_full(map->len, map->cap))
        grow_pairs(map);
    size_t i = pair_slot(map, key);
    if (!taken(map, i)) {
        flip(map, i);
        map->len++;
    }
    pairs(map)[i] = (pair){key, value};
}

bool kal_u64map_del(kal_u64map *map, uint64_t key)
{
    if (map->len == 0)
        return false;
    size_t mask = map->cap - 1, hole = pair_slot(map, key);
    if (!taken(map, hole))
        return false;
    for (size_t i = (hole + 1) & mask; taken(map, i); i = (i + 1) & mask) {
        if (!may_fill(mix(pairs(map)[i].key) & mask, hole, i, mask))
            continue;
        pairs(map)[hole] = pairs(map)[i];
        hole = i;
    }
    flip(map, hole);
    map->len--;
    return true;
}

bool kal_u64map_next(const kal_u64map *map, size_t *at, uint64_t *key, uint64_t *value)
{
    while (*at < map->cap) {
        size_t i = (*at)++;
        if (!taken(map, i))
            continue;
        *key = pairs(map)[i].key;
        *value = pairs(map)[i].value;
        return true;
    }
    return false;
}

/* Free when key is NULL. */
typedef struct entry {
    char *key;
    void *value;
    uint64_t hash;
    size_t n;
} entry;

static entry *entries(const kal_strmap *map)
{
    return map->slots;
}

/* The key's entry, or the free one where it belongs. The map has entries, not all of them taken. */
static entry *find(const kal_strmap *map, kal_str key, uint64_t hash)
{
    size_t mask = map->cap - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        entry *e = entries(map) + i;
        if (!e->key || (e->hash == hash && kal_str_eq((kal_str){e->key, e->n}, key)))
            return e;
    }
}

void kal_strmap_deinit(kal_strmap *map)
{
    for (size_t i = 0; i < map->cap; i++)
        kal_free(entries(map)[i].key);
    kal_free(map->slots);
    *map = (kal_strmap){0};
}

void *kal_strmap_get(const kal_strmap *map, kal_str key)
{
    return map->len ? find(map, key, kal_str_hash(key))->value : NULL;
}

static void grow_entries(kal_strmap *map)
{
    size_t cap = map->cap ? map->cap * 2 : LEAST;
    kal_strmap bigger = {kal_calloc(cap, sizeof(entry)), map->len, cap};
    for (size_t i = 0; i < map->cap; i++) {
        entry *e = entries(map) + i;
        if (e->key)
            *find(&bigger, (kal_str){e->key, e->n}, e->hash) = *e;
    }
    kal_free(map->slots);
    *map = bigger;
}

void *kal_strmap_put(kal_strmap *map, kal_str key, void *value)
{
    uint64_t hash = kal_str_hash(key);
    if (is_full(map->len, map->cap))
        grow_entries(map);
    entry *e = find(map, key, hash);
    void *before = e->value;
    if (!e->key) {
        *e = (entry){.key = kal_strndup(key.p, key.n), .hash = hash, .n = key.n};
        map->len++;
    }
    e->value = value;
    return before;
}

void *kal_strmap_del(kal_strmap *map, kal_str key)
{
    if (map->len == 0)
        return NULL;
    size_t mask = map->cap - 1;
    entry *all = entries(map), *hole = find(map, key, kal_str_hash(key));
    void *value = hole->value;
    if (!hole->key)
        return NULL;
    kal_free(hole->key);
    for (size_t i = (size_t)(hole - all + 1) & mask; all[i].key; i = (i + 1) & mask) {
        if (!may_fill(all[i].hash & mask, (size_t)(hole - all), i, mask))
            continue;
        *hole = all[i];
        hole = all + i;
    }
    *hole = (entry){0};
    map->len--;
    return value;
}

bool kal_strmap_next(const kal_strmap *map, size_t *at, kal_str *key, void **value)
{
    while (*at < map->cap) {
        const entry *e = entries(map) + (*at)++;
        if (!e->key)
            continue;
        *key = (kal_str){e->key, e->n};
        *value = e->value;
        return true;
    }
    return false;
}
