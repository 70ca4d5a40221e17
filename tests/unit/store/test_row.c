/* What is lost when this fails: values arrive in the database as others than were sent. */
#include "store/args.h"
#include "store/cluster_fixture.h"
#include "store/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the above first. */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Sends args to a statement by plain libpq and compares its first value, as the server prints it.
 */
static void expect_text(void **state, const char *sql, kal_args *args, const char *text)
{
    kal_cluster_fixture *f = *state;
    PGresult *result = PQexecParams(f->sql, sql, (int)args->n, args->types, kal_args_values(args),
                                    args->lengths, args->formats, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(f->sql));
    assert_string_equal(PQgetisnull(result, 0, 0) ? "null" : PQgetvalue(result, 0, 0), text);
    PQclear(result);
    kal_args_free(args);
}

static void expect_single(void **state, kal_value value, const char *text)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, value);
    expect_text(state, "SELECT $1::text", args, text);
}

static kal_uuid an_id(void)
{
    kal_uuid id;
    assert_true(kal_uuid_parse(kal_str_of("01020304-0506-7708-890a-0b0c0d0e0f10"), &id));
    return id;
}

static void test_single_values(void **state)
{
    expect_single(state, kal_v_bool(true), "true");
    expect_single(state, kal_v_bool(false), "false");
    expect_single(state, kal_v_int(KAL_INT2, -32768), "-32768");
    expect_single(state, kal_v_int(KAL_INT4, -2147483648), "-2147483648");
    expect_single(state, kal_v_int(KAL_INT8, INT64_MIN), "-9223372036854775808");
    expect_single(state, kal_v_float(49.99), "49.99");
    expect_single(state, kal_v_uuid(an_id()), "01020304-0506-7708-890a-0b0c0d0e0f10");
    expect_single(state, kal_v_text("grün"), "grün");
    expect_single(state, kal_v_text(""), "");
    expect_single(state, kal_v_text(NULL), "null");
    expect_single(state, kal_v_null(KAL_UUID), "null");
    expect_single(state, kal_v_str(KAL_JSON, kal_str_of("{\"b\": 1, \"a\":2}")),
                  "{\"b\": 1, \"a\":2}");
    expect_single(state, kal_v_str(KAL_JSONB, kal_str_of("{\"b\":1,\"a\":2}")),
                  "{\"a\": 2, \"b\": 1}");
    expect_single(state, kal_v_str(KAL_BYTEA, (kal_str){"\0\xff", 2}), "\\x00ff");
}

static void test_times_keep_their_milliseconds(void **state)
{
    expect_single(state, kal_v_time(0), "1970-01-01 00:00:00+00");
    expect_single(state, kal_v_time(1763711100123), "2025-11-21 07:45:00.123+00");
    expect_single(state, kal_v_time(-1), "1969-12-31 23:59:59.999+00");
    expect_single(state, kal_v_time(253402300799999), "9999-12-31 23:59:59.999+00");
    expect_single(state, kal_v_time(INT64_MAX), "infinity");
    expect_single(state, kal_v_time(INT64_MIN), "-infinity");
}

static void expect_array(void **state, kal_type type, kal_value first, const char *text)
{
    kal_value values[] = {first, kal_v_null(type), first};
    kal_args *args = kal_args_new();
    kal_args_add_array(args, type, values, COUNT(values));
    expect_text(state, "SELECT array_to_json($1)::text", args, text);
}

static void test_arrays_of_all_types_with_nulls(void **state)
{
    expect_array(state, KAL_BOOL, kal_v_bool(true), "[true,null,true]");
    expect_array(state, KAL_INT2, kal_v_int(KAL_INT2, -2), "[-2,null,-2]");
    expect_array(state, KAL_INT4, kal_v_int(KAL_INT4, 70000), "[70000,null,70000]");
    expect_array(state, KAL_INT8, kal_v_int(KAL_INT8, INT64_C(1) << 40),
                 "[1099511627776,null,1099511627776]");
    expect_array(state, KAL_FLOAT8, kal_v_float(0.1), "[0.1,null,0.1]");
    expect_array(state, KAL_TEXT, kal_v_text("a\"b"), "[\"a\\\"b\",null,\"a\\\"b\"]");
    expect_array(state, KAL_BYTEA, kal_v_str(KAL_BYTEA, kal_str_of("a")),
                 "[\"\\\\x61\",null,\"\\\\x61\"]");
    expect_array(state, KAL_JSON, kal_v_str(KAL_JSON, kal_str_of("{}")), "[{},null,{}]");
    expect_array(state, KAL_JSONB, kal_v_str(KAL_JSONB, kal_str_of("[1]")), "[[1],null,[1]]");
    expect_array(state, KAL_UUID, kal_v_uuid(an_id()),
                 "[\"01020304-0506-7708-890a-0b0c0d0e0f10\",null,"
                 "\"01020304-0506-7708-890a-0b0c0d0e0f10\"]");
    expect_array(state, KAL_TIMESTAMP, kal_v_time(1),
                 "[\"1970-01-01T00:00:00.001+00:00\",null,\"1970-01-01T00:00:00.001+00:00\"]");
}

static void test_empty_arrays(void **state)
{
    kal_args *args = kal_args_new();
    kal_args_add_array(args, KAL_TEXT, NULL, 0);
    expect_text(state, "SELECT cardinality($1)", args, "0");
}

static void test_rows_become_columns(void **state)
{
    const kal_type types[] = {KAL_INT4, KAL_TEXT};
    const kal_value first[] = {kal_v_int(KAL_INT4, 1), kal_v_text("one")};
    const kal_value second[] = {kal_v_int(KAL_INT4, 2), kal_v_null(KAL_TEXT)};
    const kal_value *const rows[] = {first, second};
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_text("ahead"));
    kal_args_add_rows(args, types, COUNT(types), rows, COUNT(rows));
    expect_text(state, "SELECT json_agg(u)::text || $1 FROM unnest($2, $3) u (n, t)", args,
                "[{\"n\":1,\"t\":\"one\"}, \n {\"n\":2,\"t\":null}]ahead");
}

static void test_long_columns_arrive_whole(void **state)
{
    enum { ROWS = 20000 };
    const kal_type types[] = {KAL_INT8, KAL_TEXT};
    static kal_value values[ROWS][2];
    static const kal_value *rows[ROWS];
    for (int r = 0; r < ROWS; r++) {
        values[r][0] = kal_v_int(KAL_INT8, r);
        values[r][1] = kal_v_text(r % 2 ? "a longer text than the fixed values are" : "");
        rows[r] = values[r];
    }
    kal_args *args = kal_args_new();
    kal_args_add_rows(args, types, COUNT(types), rows, ROWS);
    expect_text(state, "SELECT sum(n) || ' ' || sum(length(t)) FROM unnest($1, $2) u (n, t)", args,
                "199990000 390000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_values),
        cmocka_unit_test(test_times_keep_their_milliseconds),
        cmocka_unit_test(test_arrays_of_all_types_with_nulls),
        cmocka_unit_test(test_empty_arrays),
        cmocka_unit_test(test_rows_become_columns),
        cmocka_unit_test(test_long_columns_arrive_whole),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
