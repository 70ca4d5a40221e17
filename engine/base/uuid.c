#include "base/uuid.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#define LAST_MS ((INT64_C(1) << 48) - 1)
#define LAST_COUNT 0xfff

/* One a thread: ids need no lock, and a system call only for the seed. */
typedef struct generator {
    bool seeded;
    int64_t ms;
    unsigned count;
    uint64_t state[4];
} generator;

static _Thread_local generator own;

static void seed(generator *g)
{
    if (getrandom(g->state, sizeof g->state, 0) != (ssize_t)sizeof g->state) {
        perror("kalcifer: getrandom");
        abort();
    }
    g->state[0] |= 1; /* all zero would stay so */
    g->seeded = true;
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* xoshiro256++ (Blackman and Vigna). */
static uint64_t random64(generator *g)
{
    uint64_t *s = g->state;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0], shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Moves to now_ms, or counts on where the clock stands or went back; a full counter borrows the
 * next millisecond. */
static void advance(generator *g, int64_t now_ms)
{
    if (now_ms > g->ms) {
        g->ms = now_ms < LAST_MS ? now_ms : LAST_MS;
        g->count = 0;
    } else if (g->count < LAST_COUNT) {
        g->count++;
    } else {
        g->ms++;
        g->count = 0;
    }
}

kal_uuid kal_uuid_new(int64_t now_ms)
{
    generator *g = &own;
    if (!g->seeded)
        seed(g);
    advance(g, now_ms);
    uint64_t high = htobe64((uint64_t)g->ms << 16 | 0x7000 | g->count);
    uint64_t low = htobe64(UINT64_C(1) << 63 | random64(g) >> 2);
    kal_uuid id;
    memcpy(id.b, &high, 8);
    memcpy(id.b + 8, &low, 8);
    return id;
}

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool kal_uuid_parse(kal_str text, kal_uuid *out)
{
    kal_uuid id;
    uint8_t *byte = id.b;
    if (text.n != KAL_UUID_TEXT)
        return false;
    for (size_t i = 0; i < KAL_UUID_TEXT;) {
        if (is_dash(i)) {
            if (text.p[i++] != '-')
                return false;
            continue;
        }
        int high = nibble(text.p[i]), low = nibble(text.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *byte++ = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *out = id;
    return true;
}

void kal_uuid_format(kal_uuid id, char out[KAL_UUID_TEXT + 1])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    const uint8_t *byte = id.b;
    for (size_t i = 0; i < 5; i++) {
        kal_str_hex(byte, groups[i], out);
        byte += groups[i];
        out += 2 * groups[i];
        if (i < 4)
            *out++ = '-';
    }
}

bool kal_uuid_eq(kal_uuid a, kal_uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

int kal_uuid_cmp(kal_uuid a, kal_uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b);
}

bool kal_uuid_is_nil(kal_uuid id)
{
    return kal_uuid_eq(id, (kal_uuid){{0}});
}

uint64_t kal_uuid_hash(kal_uuid id)
{
    return XXH3_64bits(id.b, sizeof id.b);
}
