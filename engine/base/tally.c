#include "base/tally.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"

#include <stdatomic.h>

typedef struct entry {
    char *key; /* the texts, one after the other */
    kal_str first, second;
    atomic_uint_fast64_t count;
} entry;

/* An entry is written before `len` lets readers see it, and only its count changes then. */
struct kal_tally {
    kal_strmap index; /* the counting thread's, as is `key` */
    kal_buf key;
    atomic_size_t len;
    entry entries[KAL_TALLY_NAMES];
};

kal_tally *kal_tally_new(void)
{
    return kal_calloc(1, sizeof(kal_tally));
}

void kal_tally_free(kal_tally *tally)
{
    if (!tally)
        return;
    for (size_t i = 0; i < atomic_load(&tally->len); i++)
        kal_free(tally->entries[i].key);
    kal_strmap_deinit(&tally->index);
    kal_buf_deinit(&tally->key);
    kal_free(tally);
}

/* The key of a pair: NUL is in no name. */
static kal_str key_of(kal_tally *tally, kal_str first, kal_str second)
{
    if (!second.p)
        return first;
    kal_buf_clear(&tally->key);
    kal_buf_add(&tally->key, first.p, first.n);
    kal_buf_putc(&tally->key, '\0');
    kal_buf_add(&tally->key, second.p, second.n);
    return (kal_str){tally->key.data, tally->key.len};
}

static entry *append(kal_tally *tally, kal_str key, size_t n_first, bool pair)
{
    size_t len = atomic_load_explicit(&tally->len, memory_order_relaxed);
    entry *e = &tally->entries[len];
    e->key = kal_strndup(key.p, key.n);
    e->first = (kal_str){e->key, n_first};
    if (pair)
        e->second = (kal_str){e->key + n_first + 1, key.n - n_first - 1};
    atomic_store_explicit(&tally->len, len + 1, memory_order_release);
    return e;
}

static entry *find(kal_tally *tally, kal_str first, kal_str second)
{
    kal_str key = key_of(tally, first, second);
    entry *e = kal_strmap_get(&tally->index, key);
    if (e)
        return e;
    size_t len = atomic_load_explicit(&tally->len, memory_order_relaxed);
    if (len == KAL_TALLY_NAMES)
        return &tally->entries[len - 1];
    if (len == KAL_TALLY_NAMES - 1) {
        first = kal_str_of("other");
        key = key_of(tally, first, second.p ? first : second);
    }
    e = append(tally, key, first.n, second.p != NULL);
    kal_strmap_put(&tally->index, key, e);
    return e;
}

void kal_tally_add(kal_tally *tally, kal_str first, kal_str second, uint64_t n)
{
    entry *e = find(tally, first, second);
    atomic_fetch_add_explicit(&e->count, n, memory_order_relaxed);
}

void kal_tally_add_all(kal_tally *tally, const kal_tally *other)
{
    kal_str first, second;
    uint64_t count;
    for (size_t i = 0; kal_tally_at(other, i, &first, &second, &count); i++)
        kal_tally_add(tally, first, second, count);
}

bool kal_tally_at(const kal_tally *tally, size_t place, kal_str *first, kal_str *second,
                  uint64_t *count)
{
    if (place >= atomic_load_explicit(&tally->len, memory_order_acquire))
        return false;
    const entry *e = &tally->entries[place];
    *first = e->first;
    *second = e->second;
    *count = atomic_load_explicit(&e->count, memory_order_relaxed);
    return true;
}
