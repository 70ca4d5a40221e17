/* Memory: allocation that aborts when there is none, and arenas that free in one stroke.
 * Invariant: no function here returns NULL.
 * Thread: any (an arena belongs to one thread at a time). Blocks: never. */
#ifndef KAL_BASE_ALLOC_H
#define KAL_BASE_ALLOC_H

#include <stddef.h>

/* Uninitialised memory of size bytes; the caller frees it with kal_free. */
void *kal_alloc(size_t size);
/* Zeroed memory for count elements of size bytes; aborts on overflow too. */
void *kal_calloc(size_t count, size_t size);
/* Grows or shrinks what kal_alloc gave; ptr may be NULL. */
void *kal_realloc(void *ptr, size_t size);
/* A copy of len bytes with a NUL behind them. */
char *kal_strndup(const char *text, size_t len);
/* A copy of a C string. */
char *kal_strdup(const char *text);
/* Frees; NULL is fine. */
void kal_free(void *ptr);

/* A bump allocator: pieces live until the arena is reset or freed. */
typedef struct kal_arena kal_arena;

kal_arena *kal_arena_new(void);
void kal_arena_free(kal_arena *arena);
/* Forgets all pieces and keeps the first block for reuse. */
void kal_arena_reset(kal_arena *arena);
/* Zeroed memory, aligned for any type, owned by the arena. */
void *kal_arena_alloc(kal_arena *arena, size_t size);
/* A NUL-terminated copy of len bytes, owned by the arena. */
char *kal_arena_strndup(kal_arena *arena, const char *text, size_t len);
/* Bytes handed out since the last reset. */
size_t kal_arena_used(const kal_arena *arena);

#endif
