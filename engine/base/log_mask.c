/* Masking, as log.h promises it: one pass, in which each place where a word begins is offered to
 * the matchers, and an @ looks back at what was copied before it. */
#include "base/buf.h"
#include "base/log.h"
#include "base/uuid.h"

#include <string.h>

#define STARS "***"
#define LEAST_PHONE 8
#define MOST_PHONE 15
#define LEAST_CARD 13
#define MOST_CARD 19

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* How many digits text begins with. */
static size_t digits_of(const char *text)
{
    size_t n = 0;
    while (is_digit(text[n]))
        n++;
    return n;
}

/* A UUID or a date is no phone number: copied as it is. Like every matcher: answers how much of
 * the text it took, 0 for nothing. */
static size_t harmless(const char *text, kal_buf *out)
{
    kal_uuid id;
    size_t n = 0;
    if (kal_uuid_parse((kal_str){text, strnlen(text, KAL_UUID_TEXT)}, &id))
        n = KAL_UUID_TEXT;
    else if (digits_of(text) == 4 && text[4] == '-' && digits_of(text + 5) == 2 && text[7] == '-' &&
             digits_of(text + 8) == 2)
        n = 10;
    kal_buf_add(out, text, n);
    return n;
}

static size_t secret(const char *text, kal_buf *out)
{
    static const char *const prefixes[] = {"kal_",    "whsec_",  "Bearer ",
                                           "bearer ", "BEARER ", "api_key="};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(text, prefixes[i], n) != 0)
            continue;
        size_t rest = strcspn(text + n, " \t\r\n\"'&,;<>(){}[]");
        if (rest == 0)
            continue;
        kal_buf_puts(out, STARS);
        return n + rest;
    }
    return 0;
}

/* A number in groups of digits: digit[0..n), and of each group where in the text it ends and how
 * many digits there are up to there. */
typedef struct groups {
    char digit[MOST_CARD];
    size_t n, count;
    struct {
        size_t end, digits;
    } group[MOST_CARD];
} groups;

/* The length of what may stand between two groups of a phone or card number, 0 for anything else.
 * Dots only as in 555.123.4567: addresses and fractions have them too. */
static size_t gap(const char *text, size_t group)
{
    size_t n = strspn(text, " -/()"), next;
    if (*text != '.')
        return n <= 2 && is_digit(text[n]) ? n : 0;
    next = digits_of(text + 1);
    return group <= 3 && (next == 4 || (next == 3 && text[4] == '.' && digits_of(text + 5) == 4));
}

static groups read_groups(const char *text)
{
    groups number = {.n = 0};
    for (size_t at = 0;;) {
        size_t n = digits_of(text + at);
        if (n == 0 || number.n + n > MOST_CARD || is_word(text[at + n]))
            return number;
        memcpy(number.digit + number.n, text + at, n);
        number.n += n;
        at += n;
        number.group[number.count].end = at;
        number.group[number.count++].digits = number.n;
        n = gap(text + at, n);
        if (n == 0)
            return number;
        at += n;
    }
}

/* Luhn's check. Real cards begin with 2 or more, and times in milliseconds or finer with 1. */
static bool is_card(const char *digit, size_t n)
{
    int sum = 0;
    if (n < LEAST_CARD || digit[0] < '2')
        return false;
    for (size_t i = 0; i < n; i++) {
        int value = digit[n - 1 - i] - '0';
        if (i % 2 == 1)
            value = value > 4 ? 2 * value - 9 : 2 * value;
        sum += value;
    }
    return sum % 10 == 0;
}

/* A number whose first group is a time since 1970 in seconds or milliseconds is none. */
static bool is_phone(const groups *number, size_t n, bool international)
{
    size_t first = number->group[0].digits;
    if (n < LEAST_PHONE || n > MOST_PHONE)
        return false;
    return international || number->digit[0] != '1' || (first != 10 && first != 13);
}

/* The longest run of groups that is a card or phone number. */
static size_t card_or_phone(const char *text, kal_buf *out)
{
    size_t plus = *text == '+';
    groups number = read_groups(text + plus);
    for (size_t i = number.count; i > 0; i--) {
        size_t n = number.group[i - 1].digits, end = plus + number.group[i - 1].end;
        if (is_card(number.digit, n)) {
            kal_buf_puts(out, STARS);
            return end;
        }
        if (is_phone(&number, n, plus)) {
            kal_buf_puts(out, STARS);
            kal_buf_add(out, number.digit + n - 2, 2);
            return end;
        }
    }
    return 0;
}

static bool is_local(char c)
{
    return is_word(c) || (c && strchr(".+-%'", c));
}

/* text is at an @ whose local part, if it has one, ends out (which is older before `from`): turns
 * anna@mail.example.com into a***@***.com. */
static size_t email(const char *text, size_t from, kal_buf *out)
{
    size_t start = out->len, n = 1, label;
    while (is_word(text[n]) || text[n] == '.' || text[n] == '-')
        n++;
    while (n > 1 && !is_word(text[n - 1]))
        n--;
    while (start > from && is_local(out->data[start - 1]))
        start--;
    if (n == 1 || start == out->len)
        return 0;
    do
        start++;
    while (start < out->len && ((unsigned char)out->data[start] & 0xc0) == 0x80);
    out->len = start;
    for (label = n; text[label - 1] != '.' && text[label - 1] != '@'; label--)
        ;
    kal_buf_puts(out, STARS "@");
    if (text[label - 1] == '.')
        kal_buf_puts(out, STARS ".");
    kal_buf_add(out, text + label, n - label);
    return n;
}

void kal_log_mask(const char *text, kal_buf *out)
{
    static size_t (*const matchers[])(const char *, kal_buf *) = {harmless, secret, card_or_phone};
    size_t from = out->len;
    char before = 0;
    kal_buf_reserve(out, strlen(text));
    while (*text) {
        size_t n = 0;
        if (*text == '@')
            n = email(text, from, out);
        for (size_t i = 0; n == 0 && !is_word(before) && i < sizeof matchers / sizeof *matchers;
             i++)
            n = matchers[i](text, out);
        if (n == 0)
            kal_buf_putc(out, text[n++]);
        text += n;
        before = text[-1];
    }
    kal_buf_add(out, "", 0);
}
