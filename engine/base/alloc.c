#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16
#define FIRST_BLOCK (16 * 1024)
#define LARGEST_BLOCK (1024 * 1024)

static void *checked(void *ptr)
{
    if (!ptr) {
        fputs("kalcifer: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

static size_t sum(size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        checked(NULL);
    return a + b;
}

void *kal_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *kal_calloc(size_t count, size_t size)
{
    return checked(count && size ? calloc(count, size) : calloc(1, 1));
}

void *kal_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size ? size : 1));
}

static char *terminated(char *copy, const char *text, size_t len)
{
    if (len)
        memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

char *kal_strndup(const char *text, size_t len)
{
    return terminated(kal_alloc(sum(len, 1)), text, len);
}

char *kal_strdup(const char *text)
{
    return kal_strndup(text, strlen(text));
}

void kal_free(void *ptr)
{
    free(ptr);
}

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGN) char data[];
} block;

/* `first` is the oldest block; pieces come from `current`, the youngest that is no big piece's
 * own. Blocks are made at need: an arena that hands nothing out costs a few bytes. */
struct kal_arena {
    block *first, *current;
    size_t next_size, used;
};

kal_arena *kal_arena_new(void)
{
    kal_arena *arena = kal_calloc(1, sizeof *arena);
    arena->next_size = FIRST_BLOCK;
    return arena;
}

static void free_blocks(block *b)
{
    while (b) {
        block *next = b->next;
        kal_free(b);
        b = next;
    }
}

void kal_arena_free(kal_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->first);
    kal_free(arena);
}

void kal_arena_reset(kal_arena *arena)
{
    block *first = arena->first;
    arena->used = 0;
    arena->current = first;
    if (!first)
        return;
    free_blocks(first->next);
    first->next = NULL;
    first->used = 0;
    arena->next_size = 2 * FIRST_BLOCK;
}

static block *add_block(kal_arena *arena, size_t size)
{
    block *b = kal_alloc(sum(sizeof *b, size));
    block **link = arena->current ? &arena->current->next : &arena->first;
    *b = (block){.next = *link, .size = size};
    *link = b;
    return b;
}

static block *next_block(kal_arena *arena)
{
    block *b = arena->current = add_block(arena, arena->next_size);
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return b;
}

/* A block with room for size bytes. A big piece gets its own behind the current one, whose rest
 * stays in use. */
static block *roomy(kal_arena *arena, size_t size)
{
    block *b = arena->current;
    if (!b)
        b = next_block(arena);
    if (b->size - b->used >= size)
        return b;
    return size > arena->next_size / 4 ? add_block(arena, size) : next_block(arena);
}

void *kal_arena_alloc(kal_arena *arena, size_t size)
{
    size_t rounded = sum(size ? size : 1, ALIGN - 1) / ALIGN * ALIGN;
    block *b = roomy(arena, rounded);
    void *piece = b->data + b->used;
    b->used += rounded;
    arena->used += rounded;
    return memset(piece, 0, rounded);
}

char *kal_arena_strndup(kal_arena *arena, const char *text, size_t len)
{
    return terminated(kal_arena_alloc(arena, sum(len, 1)), text, len);
}

size_t kal_arena_used(const kal_arena *arena)
{
    return arena->used;
}
