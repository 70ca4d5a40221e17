/* JSON as tests write it. */
#ifndef KAL_TEST_JSON_OF_H
#define KAL_TEST_JSON_OF_H

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A JSON value written with ' for ". */
static inline json_t *json_of(const char *text)
{
    char error[160];
    kal_buf buf = {0};
    for (const char *c = text; *c; c++)
        kal_buf_putc(&buf, *c == '\'' ? '"' : *c);
    json_t *value = kal_json_parse((kal_str){buf.data, buf.len}, error);
    if (!value)
        fail_msg("%s: %s", error, text);
    kal_buf_deinit(&buf);
    return value;
}

#endif
