#include "base/json.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The deepest nesting of brackets outside of strings, valid JSON or not, and an upper bound of
 * the values: a byte of text can cost fifty of memory. */
static size_t depth_of(kal_str text, size_t *values)
{
    size_t depth = 0, deepest = 0;
    *values = 1;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted)
            i += c == '\\';
        else if (c == ',')
            ++*values;
        else if ((c == '{' || c == '[') && (++*values, ++depth > deepest))
            deepest = depth;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

size_t kal_json_depth(kal_str text)
{
    size_t values;
    return depth_of(text, &values);
}

/* What is wrong, in our words: jansson's quote the text, which may be a secret of the user's. */
static const char *problem(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input:
        return "the JSON ends too early";
    case json_error_end_of_input_expected:
        return "something follows the JSON value";
    case json_error_invalid_utf8:
        return "invalid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character is not allowed";
    case json_error_numeric_overflow:
        return "a number is out of range";
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_stack_overflow:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_duplicate_key:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "invalid JSON";
}

json_t *kal_json_parse(kal_str text, char error[160])
{
    json_error_t at;
    size_t values, depth = depth_of(text, &values);
    if (values > KAL_JSON_MAX_VALUES) {
        snprintf(error, 160, "the JSON has more than %d values", KAL_JSON_MAX_VALUES);
        return NULL;
    }
    if (depth > KAL_JSON_MAX_DEPTH) {
        snprintf(error, 160, "the JSON is nested deeper than %d levels", KAL_JSON_MAX_DEPTH);
        return NULL;
    }
    json_t *value = json_loadb(text.n ? text.p : "", text.n, JSON_DECODE_ANY, &at);
    if (!value)
        snprintf(error, 160, "%s at line %d, column %d", problem(json_error_code(&at)), at.line,
                 at.column);
    return value;
}

/* Zero for what stands for itself in a string, else the letter behind the backslash ('u': hex). */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

void kal_json_write_str(kal_buf *out, kal_str text)
{
    size_t from = 0;
    kal_buf_reserve(out, text.n + 2);
    kal_buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char letter = escape_of(c);
        kal_buf_add(out, text.p + from, i - from);
        from = i + 1;
        kal_buf_putc(out, '\\');
        if (letter == 'u')
            kal_buf_printf(out, "u%04x", c);
        else
            kal_buf_putc(out, letter);
    }
    kal_buf_add(out, text.p + from, text.n - from);
    kal_buf_putc(out, '"');
}

/* The digits of value with a point before the last `decimals` of them. */
static void write_decimal(kal_buf *out, bool negative, uint64_t value, int decimals)
{
    char text[32], *p = text + sizeof text;
    for (int written = 0; value > 0 || written <= decimals; written++) {
        if (written == decimals && decimals > 0)
            *--p = '.';
        *--p = (char)('0' + value % 10);
        value /= 10;
    }
    if (negative)
        *--p = '-';
    kal_buf_add(out, p, (size_t)(text + sizeof text - p));
}

static void write_int(kal_buf *out, json_int_t value)
{
    write_decimal(out, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value, 0);
}

/* Writes a double that is a whole number of up to 15 digits over a small power of ten, as most
 * are: both are exact doubles and division rounds correctly, as reading does, so that an equal
 * quotient means that the text reads back. Up to 15 digits there is only one such decimal. */
static bool write_short(kal_buf *out, double value)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    double size = fabs(value);
    for (int decimals = 0; decimals <= 6; decimals++) {
        double scaled = nearbyint(size * powers[decimals]);
        if (scaled >= 1e15)
            return false;
        if (scaled / powers[decimals] != size)
            continue;
        write_decimal(out, signbit(value), (uint64_t)scaled, decimals);
        if (decimals == 0)
            kal_buf_add(out, ".0", 2);
        return true;
    }
    return false;
}

void kal_json_write_double(kal_buf *out, double value)
{
    char text[40];
    assert(isfinite(value));
    if (write_short(out, value))
        return;
    /* 15 digits always survive, except in the subnormals, which hold fewer. */
    int digits = fabs(value) < DBL_MIN ? 1 : 15;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (++digits <= 17 && strtod(text, NULL) != value);
    kal_buf_puts(out, text);
    if (!strpbrk(text, ".e"))
        kal_buf_add(out, ".0", 2);
}

static void write_array(kal_buf *out, const json_t *array)
{
    kal_buf_putc(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            kal_buf_putc(out, ',');
        kal_json_write(out, json_array_get(array, i));
    }
    kal_buf_putc(out, ']');
}

static void write_object(kal_buf *out, const json_t *object)
{
    json_t *o = (json_t *)object; /* jansson's iterators take no const, but change nothing */
    char before = '{';
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        kal_buf_putc(out, before);
        kal_json_write_str(out, (kal_str){json_object_iter_key(i), json_object_iter_key_len(i)});
        kal_buf_putc(out, ':');
        kal_json_write(out, json_object_iter_value(i));
        before = ',';
    }
    if (before == '{')
        kal_buf_putc(out, '{');
    kal_buf_putc(out, '}');
}

/* Recursion is bounded by what reads values: KAL_JSON_MAX_DEPTH, and the few levels around it. */
void kal_json_write(kal_buf *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(out, value);
        break;
    case JSON_ARRAY:
        write_array(out, value);
        break;
    case JSON_STRING:
        kal_json_write_str(out, (kal_str){json_string_value(value), json_string_length(value)});
        break;
    case JSON_INTEGER:
        write_int(out, json_integer_value(value));
        break;
    case JSON_REAL:
        kal_json_write_double(out, json_real_value(value));
        break;
    case JSON_TRUE:
        kal_buf_add(out, "true", 4);
        break;
    case JSON_FALSE:
        kal_buf_add(out, "false", 5);
        break;
    case JSON_NULL:
        kal_buf_add(out, "null", 4);
        break;
    }
}

static json_t *member(const json_t *value, kal_str key)
{
    int64_t index;
    if (json_is_object(value))
        return json_object_getn(value, key.p, key.n);
    if (json_is_array(value) && kal_str_int(key, &index) && index >= 0)
        return json_array_get(value, (size_t)index);
    return NULL;
}

json_t *kal_json_path(const json_t *value, kal_str path)
{
    if (path.n == 0)
        return (json_t *)value;
    for (const char *key = path.p, *end = path.p + path.n; value;) {
        const char *dot = memchr(key, '.', (size_t)(end - key));
        value = member(value, (kal_str){key, (size_t)((dot ? dot : end) - key)});
        if (!dot)
            break;
        key = dot + 1;
    }
    return (json_t *)value;
}

/* Exact: a 64-bit integer that a double cannot hold equals none. */
static bool same_number(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_real(a) && json_is_real(b))
        return json_real_value(a) == json_real_value(b);
    double real = json_real_value(json_is_real(a) ? a : b);
    json_int_t whole = json_integer_value(json_is_real(a) ? b : a);
    return real >= -0x1p63 && real < 0x1p63 && (json_int_t)real == whole && trunc(real) == real;
}

static bool same_array(const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a);
    for (size_t i = 0; i < n && n == json_array_size(b); i++)
        if (!kal_json_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return n == json_array_size(b);
}

static bool same_object(const json_t *a, const json_t *b)
{
    json_t *o = (json_t *)a;
    if (json_object_size(a) != json_object_size(b))
        return false;
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
        json_t *other = json_object_getn(b, json_object_iter_key(i), json_object_iter_key_len(i));
        if (!other || !kal_json_equal(json_object_iter_value(i), other))
            return false;
    }
    return true;
}

bool kal_json_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return same_number(a, b);
    if (!a || !b || json_typeof(a) != json_typeof(b))
        return a == b;
    if (json_is_object(a))
        return same_object(a, b);
    if (json_is_array(a))
        return same_array(a, b);
    return !json_is_string(a) || kal_str_eq((kal_str){json_string_value(a), json_string_length(a)},
                                            (kal_str){json_string_value(b), json_string_length(b)});
}

static bool matches_one(const json_t *wanted, const json_t *actual)
{
    if (!json_is_array(wanted))
        return kal_json_equal(wanted, actual);
    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (kal_json_equal(json_array_get(wanted, i), actual))
            return true;
    return false;
}

bool kal_json_matches(const json_t *filter, const json_t *data)
{
    json_t *f = (json_t *)filter;
    for (void *i = json_object_iter(f); i; i = json_object_iter_next(f, i)) {
        kal_str path = {json_object_iter_key(i), json_object_iter_key_len(i)};
        json_t *actual = kal_json_path(data, path);
        if (!matches_one(json_object_iter_value(i), actual ? actual : json_null()))
            return false;
    }
    return true;
}

kal_str kal_json_get_str(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (kal_str){0};
    return (kal_str){json_string_value(value), json_string_length(value)};
}
