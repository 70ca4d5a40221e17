/* A text with numbers in it that change from request to request: {n} and {c} of a template become
 * ten digits each, which are patched in place. For load.c, in a header since every .c of this
 * folder is a program. */
#ifndef KAL_BENCH_BLUEPRINT_H
#define KAL_BENCH_BLUEPRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KAL_DIGITS 10

typedef struct kal_slot {
    size_t at;
    uint64_t item;
    bool customer; /* {c}: the number modulo something */
} kal_slot;

typedef struct kal_blueprint {
    char *text;
    size_t len, cap;
    kal_slot *slots;
    size_t n_slots, cap_slots;
} kal_blueprint;

__attribute__((noreturn)) static void kal_die(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s\n", program, what);
    exit(2);
}

static void *kal_grow(void *p, size_t count, size_t *cap, size_t size)
{
    if (count <= *cap)
        return p;
    while (*cap < count)
        *cap = *cap ? *cap * 2 : 256;
    p = realloc(p, *cap * size);
    if (!p)
        kal_die("bench", "out of memory");
    return p;
}

static void kal_blueprint_text(kal_blueprint *plan, const char *text, size_t len)
{
    plan->text = kal_grow(plan->text, plan->len + len + 1, &plan->cap, 1);
    memcpy(plan->text + plan->len, text, len);
    plan->len += len;
    plan->text[plan->len] = '\0';
}

/* Appends a template whose numbers are those of the item. */
static void kal_blueprint_template(kal_blueprint *plan, const char *text, uint64_t item)
{
    while (*text) {
        bool number = strncmp(text, "{n}", 3) == 0, customer = strncmp(text, "{c}", 3) == 0;
        if (!number && !customer) {
            kal_blueprint_text(plan, text++, 1);
            continue;
        }
        plan->slots = kal_grow(plan->slots, plan->n_slots + 1, &plan->cap_slots, sizeof(kal_slot));
        plan->slots[plan->n_slots++] = (kal_slot){plan->len, item, customer};
        kal_blueprint_text(plan, "0000000000", KAL_DIGITS);
        text += 3;
    }
}

static void kal_blueprint_prepend(kal_blueprint *plan, const char *head, size_t len)
{
    size_t body = plan->len;

    kal_blueprint_text(plan, head, len);
    memmove(plan->text + len, plan->text, body);
    memcpy(plan->text, head, len);
    for (size_t i = 0; i < plan->n_slots; i++)
        plan->slots[i].at += len;
}

/* Writes the numbers of the items that begin at `base` into a copy of the text. */
static void kal_blueprint_patch(const kal_blueprint *plan, char *copy, uint64_t base,
                                uint64_t modulo)
{
    for (size_t i = 0; i < plan->n_slots; i++) {
        uint64_t n = base + plan->slots[i].item;
        if (plan->slots[i].customer && modulo)
            n %= modulo;
        for (int d = KAL_DIGITS - 1; d >= 0; d--, n /= 10)
            copy[plan->slots[i].at + (size_t)d] = (char)('0' + n % 10);
    }
}

#endif
