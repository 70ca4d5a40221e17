/* Hash maps: from 64-bit keys to 64-bit values, and from text to pointers.
 * Open addressing, linear probing, backward-shift deletion; at most 7/8 full.
 * Invariant: a zeroed map is empty and valid.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_BASE_MAP_H
#define KAL_BASE_MAP_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* u64 -> u64. Keys are mixed before use, any distribution is fine. Twelve or sixteen bytes a slot
 * do not matter to callers; an empty slot is told by a bitmap or tag, so every key is legal. */
typedef struct kal_u64map {
    void *slots;
    size_t len, cap;
} kal_u64map;

void kal_u64map_deinit(kal_u64map *map);
/* False when the key is absent. */
bool kal_u64map_get(const kal_u64map *map, uint64_t key, uint64_t *value);
void kal_u64map_put(kal_u64map *map, uint64_t key, uint64_t value);
/* False when the key was absent. */
bool kal_u64map_del(kal_u64map *map, uint64_t key);
/* Walks all pairs: start with *at = 0; false at the end. No change during the walk. */
bool kal_u64map_next(const kal_u64map *map, size_t *at, uint64_t *key, uint64_t *value);

/* text -> pointer. Keys are copied; values are the caller's. */
typedef struct kal_strmap {
    void *slots;
    size_t len, cap;
} kal_strmap;

void kal_strmap_deinit(kal_strmap *map);
/* NULL when the key is absent. */
void *kal_strmap_get(const kal_strmap *map, kal_str key);
/* Sets the value (not NULL) and answers the one before it, or NULL. */
void *kal_strmap_put(kal_strmap *map, kal_str key, void *value);
/* Removes the key and answers its value, or NULL. */
void *kal_strmap_del(kal_strmap *map, kal_str key);
bool kal_strmap_next(const kal_strmap *map, size_t *at, kal_str *key, void **value);

#endif
