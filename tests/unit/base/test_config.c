/* What an operator would lose: a start that fails at once and says why, and secrets. */
#include "base/config.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int setup(void **state)
{
    (void)state;
    clearenv();
    return 0;
}

static kal_config *load(const char *file)
{
    kal_buf error = {0};
    kal_config *config = kal_config_load(file, &error);
    if (!config)
        fail_msg("%s", error.data);
    assert_int_equal(error.len, 0);
    return config;
}

static void assert_refused(const char *file, const char *message)
{
    kal_buf error = {0};
    if (kal_config_load(file, &error) || !strstr(error.data, message) || strchr(error.data, '\n'))
        fail_msg("%s", error.data);
    kal_buf_deinit(&error);
}

static void assert_refused_in_environment(const char *name, const char *value, const char *message)
{
    setenv(name, value, 1);
    assert_refused(NULL, message);
    unsetenv(name);
}

/* A file of its own; the caller unlinks it. */
static void write_file(char path[32], const char *text)
{
    snprintf(path, 32, "/tmp/kal-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_defaults(void **state)
{
    kal_config *config = load(NULL);
    (void)state;
    assert_string_equal(kal_config_text(config, "HOST"), "127.0.0.1");
    assert_string_equal(kal_config_text(config, "DATABASE_URL"), "");
    assert_string_equal(kal_config_text(config, "LOG_LEVEL"), "info");
    assert_int_equal(kal_config_int(config, "PORT"), 4500);
    assert_false(kal_config_bool(config, "ENABLE_CUSTOM_CODE"));
    kal_config_free(config);
}

static void test_file_then_environment_then_command_line(void **state)
{
    kal_buf error = {0};
    char path[32];
    (void)state;
    write_file(path, "# ours\n\n HOST = ::1 \r\nPORT=1\nSHARDS=2\nTHREADS=3\nENABLE_CUSTOM_CODE=1");
    setenv("PORT", "4502", 1);
    setenv("SHARDS", "8", 1);
    kal_config *config = load(path);
    assert_true(kal_config_set(config, "SHARDS", "16", "--shards", &error));
    assert_string_equal(kal_config_text(config, "HOST"), "::1");
    assert_int_equal(kal_config_int(config, "THREADS"), 3);
    assert_int_equal(kal_config_int(config, "PORT"), 4502);
    assert_int_equal(kal_config_int(config, "SHARDS"), 16);
    assert_true(kal_config_bool(config, "ENABLE_CUSTOM_CODE"));
    kal_config_free(config);
    unlink(path);
}

static void test_bad_values_are_named(void **state)
{
    (void)state;
    assert_refused_in_environment("PORT", "6000", "PORT must not be 6000: browsers block it");
    assert_refused_in_environment("PORT", "65536",
                                  "PORT must be a whole number from 1 to 65535 (environment)");
    assert_refused_in_environment("PORT", "", "PORT must be");
    assert_refused_in_environment("SHARDS", "4.0", "SHARDS must be");
    assert_refused_in_environment("LOG_LEVEL", "verbose", "debug, info, warn or error");
    assert_refused_in_environment("ENABLE_CUSTOM_CODE", "yes", "must be true or false");
    assert_refused_in_environment("HOST", "\xff", "HOST must be valid UTF-8");
}

static void test_unknown_names_are_told(void **state)
{
    char path[32];
    (void)state;
    assert_refused_in_environment("KALCIFER_DATADIR", "/x",
                                  "there is no setting KALCIFER_DATADIR (environment)");
    write_file(path, "PORT=4501\nPROT=4502\n");
    assert_refused(path, ":2)");
    unlink(path);
    write_file(path, "just words\n");
    assert_refused(path, "NAME=value");
    unlink(path);
    assert_refused("/nonexistent/kalcifer.conf", "cannot read /nonexistent/kalcifer.conf: No such");
}

static void test_a_bad_change_leaves_the_old_value(void **state)
{
    kal_config *config = load(NULL);
    kal_buf error = {0};
    (void)state;
    assert_false(kal_config_set(config, "PORT", "6000", "--listen", &error));
    assert_non_null(strstr(error.data, "(--listen)"));
    assert_false(kal_config_set(config, "NOPE", "1", "--nope", &error));
    assert_int_equal(kal_config_int(config, "PORT"), 4500);
    kal_buf_deinit(&error);
    kal_config_free(config);
}

static void test_harness_names_are_tolerated(void **state)
{
    (void)state;
    setenv("KALCIFER_BIN", "/x", 1);
    setenv("KALCIFER_LONG", "1", 1);
    setenv("KALCIFER_CRASH_POINT", "after_commit:2", 1);
    setenv("SOMEBODY_ELSES", "1", 1);
    kal_config_free(load(NULL));
}

static void assert_printed(const char *url, const char *shown)
{
    kal_buf out = {0};
    char error[160];
    setenv("DATABASE_URL", url, 1);
    kal_config *config = load(NULL);
    kal_config_print(config, false, &out);
    assert_null(strstr(out.data, "hunter2"));
    kal_buf_clear(&out);
    kal_config_print(config, true, &out);
    assert_null(strstr(out.data, "hunter2"));
    json_t *rows = kal_json_parse((kal_str){out.data, out.len}, error);
    assert_non_null(rows);
    const json_t *first = json_array_get(rows, 0);
    assert_true(kal_str_is(kal_json_get_str(first, "name"), "DATABASE_URL"));
    assert_string_equal(json_string_value(json_object_get(first, "value")), shown);
    assert_true(kal_str_is(kal_json_get_str(first, "origin"), "environment"));
    json_decref(rows);
    kal_buf_deinit(&out);
    kal_config_free(config);
}

static void test_secrets_are_never_printed(void **state)
{
    (void)state;
    setenv("KALCIFER_ADMIN_KEY", "hunter2", 1);
    assert_printed("postgres://u:hunter2@h:5432/db", "postgres://u:***@h:5432/db");
    assert_printed("postgres://u:hunter2@hunter2@h/db", "postgres://u:***@h/db");
    assert_printed("postgres://u:hunter2?#@h/db", "postgres://u:***@h/db");
    assert_printed("postgres://h/db?password=hunter2&user=u",
                   "postgres://h/db?password=***&user=u");
    assert_printed("host=h password=hunter2 user=u", "host=h password=*** user=u");
    assert_printed("password = 'a \\'hunter2' sslpassword=hunter2",
                   "password = *** sslpassword=***");
    assert_printed("postgres://u@h:5432/db", "postgres://u@h:5432/db");
    assert_printed("host=h passfile=x password", "host=h passfile=x password");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_file_then_environment_then_command_line, setup),
        cmocka_unit_test_setup(test_bad_values_are_named, setup),
        cmocka_unit_test_setup(test_unknown_names_are_told, setup),
        cmocka_unit_test_setup(test_a_bad_change_leaves_the_old_value, setup),
        cmocka_unit_test_setup(test_harness_names_are_tolerated, setup),
        cmocka_unit_test_setup(test_secrets_are_never_printed, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
