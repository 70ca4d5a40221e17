#include "base/heap.h"

#include "base/alloc.h"

#include <assert.h>
#include <string.h>

#define LARGEST 64

void kal_heap_init(kal_heap *heap, size_t size, kal_heap_less less)
{
    assert(size > 0 && size <= LARGEST);
    *heap = (kal_heap){.size = size, .less = less};
}

void kal_heap_deinit(kal_heap *heap)
{
    kal_free(heap->items);
    kal_heap_init(heap, heap->size, heap->less);
}

static char *at(const kal_heap *heap, size_t i)
{
    return heap->items + i * heap->size;
}

static void put(kal_heap *heap, size_t i, const void *item)
{
    memcpy(at(heap, i), item, heap->size);
}

/* Places item in the hole at i or above it, moving greater parents down. */
static void sift_up(kal_heap *heap, size_t i, const void *item)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (!heap->less(item, at(heap, parent)))
            break;
        put(heap, i, at(heap, parent));
        i = parent;
    }
    put(heap, i, item);
}

/* Places item in the hole at the root or below it, moving lesser children up. */
static void sift_down(kal_heap *heap, const void *item)
{
    size_t i = 0, child;
    while ((child = 2 * i + 1) < heap->len) {
        if (child + 1 < heap->len && heap->less(at(heap, child + 1), at(heap, child)))
            child++;
        if (!heap->less(at(heap, child), item))
            break;
        put(heap, i, at(heap, child));
        i = child;
    }
    put(heap, i, item);
}

void kal_heap_push(kal_heap *heap, const void *item)
{
    if (heap->len == heap->cap) {
        heap->cap = heap->cap ? heap->cap * 2 : 16;
        heap->items = kal_realloc(heap->items, heap->cap * heap->size);
    }
    sift_up(heap, heap->len++, item);
}

const void *kal_heap_top(const kal_heap *heap)
{
    return heap->len ? heap->items : NULL;
}

bool kal_heap_pop(kal_heap *heap, void *out)
{
    _Alignas(max_align_t) char last[LARGEST];
    if (heap->len == 0)
        return false;
    if (out)
        memcpy(out, heap->items, heap->size);
    heap->len--;
    memcpy(last, at(heap, heap->len), heap->size);
    if (heap->len)
        sift_down(heap, last);
    return true;
}
