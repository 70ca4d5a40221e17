/* A binary min-heap of fixed-size elements, kept by value in one array.
 * Invariant: element 0 is a least one by `less`.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_BASE_HEAP_H
#define KAL_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef bool (*kal_heap_less)(const void *a, const void *b);

typedef struct kal_heap {
    char *items;
    size_t len, cap, size;
    kal_heap_less less;
} kal_heap;

/* Elements of `size` bytes (at most 64), ordered by `less`. */
void kal_heap_init(kal_heap *heap, size_t size, kal_heap_less less);
void kal_heap_deinit(kal_heap *heap);
void kal_heap_push(kal_heap *heap, const void *item);
/* The least element, borrowed until the next change; NULL when empty. */
const void *kal_heap_top(const kal_heap *heap);
/* Removes the least element into out (NULL: drops it); false when empty. */
bool kal_heap_pop(kal_heap *heap, void *out);

#endif
