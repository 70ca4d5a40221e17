#include "api/files/pretty.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void write_value(kal_buf *out, const json_t *value, size_t level);

static void begin_line(kal_buf *out, size_t level)
{
    kal_buf_putc(out, '\n');
    for (size_t i = 0; i < level; i++)
        kal_buf_puts(out, "  ");
}

static void write_array(kal_buf *out, const json_t *value, size_t level)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        kal_buf_putc(out, i ? ',' : '[');
        begin_line(out, level + 1);
        write_value(out, json_array_get(value, i), level + 1);
    }
    begin_line(out, level);
    kal_buf_putc(out, ']');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys hold no NUL: kal_json_parse refuses it. */
static void write_object(kal_buf *out, const json_t *value, size_t level)
{
    const char **keys = kal_calloc(json_object_size(value), sizeof(*keys));
    size_t n = 0;

    for (void *i = json_object_iter((json_t *)value); i;
         i = json_object_iter_next((json_t *)value, i))
        keys[n++] = json_object_iter_key(i);
    qsort(keys, n, sizeof(*keys), by_text);
    for (size_t i = 0; i < n; i++) {
        kal_buf_putc(out, i ? ',' : '{');
        begin_line(out, level + 1);
        kal_json_write_str(out, kal_str_of(keys[i]));
        kal_buf_puts(out, ": ");
        write_value(out, json_object_get(value, keys[i]), level + 1);
    }
    begin_line(out, level);
    kal_buf_putc(out, '}');
    kal_free(keys);
}

static void write_value(kal_buf *out, const json_t *value, size_t level)
{
    if (json_object_size(value) > 0)
        write_object(out, value, level);
    else if (json_array_size(value) > 0)
        write_array(out, value, level);
    else
        kal_json_write(out, value);
}

void kal_pretty_write(kal_buf *out, const json_t *value)
{
    write_value(out, value, 0);
    kal_buf_putc(out, '\n');
}
