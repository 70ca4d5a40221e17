/* The ledger tells after a crash which messages left: a line that is lost sends one twice. */
#include "run/run_test.h"

#include "base/uuid.h"
#include "effect/ledger.h"

static kal_uuid id_of(uint8_t number)
{
    return (kal_uuid){.b = {1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, number}};
}

static kal_ledger *ledger_in(const char *dir)
{
    kal_buf error = {0};
    kal_ledger *ledger = kal_ledger_open(dir, &error);
    if (!ledger)
        fail_msg("%s", error.data);
    return ledger;
}

static void add(kal_ledger *ledger, uint8_t number, const char *line)
{
    json_t *json = json_of(line);
    kal_ledger_add(ledger, id_of(number), json);
    json_decref(json);
}

static char *content_of(const char *dir)
{
    char path[512];
    static char text[65536];
    FILE *file = fopen(path_in(dir, "log/deliveries.ndjson", path), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static bool is_found(kal_ledger *ledger, uint8_t number)
{
    int asked, found;
    char id[KAL_UUID_TEXT + 1];
    kal_strmap ids = {0};
    kal_uuid_format(id_of(number), id);
    kal_strmap_put(&ids, kal_str_of(id), &asked);
    assert_int_equal(kal_ledger_find(ledger, &ids, &found), KAL_OK);
    bool is = kal_strmap_get(&ids, kal_str_of(id)) == &found;
    kal_strmap_deinit(&ids);
    return is;
}

static void lines_are_written_together_and_whole(void **state)
{
    (void)state;
    char *dir = kal_temp_dir_new();
    kal_ledger *ledger = ledger_in(dir);
    add(ledger, 1, "{'channel':'email','delivery_id':'x','recipient':{},'n':49.99}");
    add(ledger, 2, "{'text':'a \\n b'}");
    assert_string_equal(content_of(dir), ""); /* not before it is told to */
    assert_int_equal(kal_ledger_write(ledger), KAL_OK);
    assert_string_equal(content_of(dir),
                        "{\"delivery_id\":\"01020304-0506-7008-800a-0b0c0d0e0f01\","
                        "\"channel\":\"email\",\"recipient\":{},\"n\":49.99}\n"
                        "{\"delivery_id\":\"01020304-0506-7008-800a-0b0c0d0e0f02\","
                        "\"text\":\"a \\n b\"}\n");
    size_t size = strlen(content_of(dir));
    assert_int_equal(kal_ledger_write(ledger), KAL_OK); /* nothing more */
    assert_int_equal(strlen(content_of(dir)), size);
    kal_ledger_close(ledger);
    kal_temp_dir_free(dir);
}

/* Log files go to people who may not know who the customers are. */
static void recipients_are_masked(void **state)
{
    (void)state;
    char *dir = kal_temp_dir_new();
    kal_ledger *ledger = ledger_in(dir);
    add(ledger, 1, "{'recipient':{'email':'ann.smith@example.com','phone':'+4915112345678'}}");
    assert_int_equal(kal_ledger_write(ledger), KAL_OK);
    const char *text = content_of(dir);
    assert_null(strstr(text, "ann.smith"));
    assert_null(strstr(text, "example"));
    assert_null(strstr(text, "15112345"));
    assert_non_null(strstr(text, "\"email\":\"a"));
    kal_ledger_close(ledger);
    kal_temp_dir_free(dir);
}

static void what_was_written_is_found_after_a_restart(void **state)
{
    (void)state;
    char *dir = kal_temp_dir_new();
    kal_ledger *ledger = ledger_in(dir);
    add(ledger, 1, "{'a':1}");
    add(ledger, 3, "{}");
    assert_int_equal(kal_ledger_write(ledger), KAL_OK);
    add(ledger, 4, "{}"); /* never written */
    kal_ledger_close(ledger);
    ledger = ledger_in(dir);
    assert_true(is_found(ledger, 1));
    assert_false(is_found(ledger, 2));
    assert_true(is_found(ledger, 3));
    assert_false(is_found(ledger, 4));
    kal_ledger_close(ledger);
    kal_temp_dir_free(dir);
}

/* An id within a text is not a line. */
static void only_a_lines_own_id_is_found(void **state)
{
    (void)state;
    char *dir = kal_temp_dir_new();
    kal_ledger *ledger = ledger_in(dir);
    add(ledger, 1, "{'text':'01020304-0506-7008-800a-0b0c0d0e0f02'}");
    assert_int_equal(kal_ledger_write(ledger), KAL_OK);
    assert_false(is_found(ledger, 2));
    kal_ledger_close(ledger);
    kal_temp_dir_free(dir);
}

/* A power cut in the middle of a line: it does not count, and the next one is not glued to it. */
static void a_torn_line_does_not_count_nor_spoil_the_next(void **state)
{
    (void)state;
    char *dir = kal_temp_dir_new();
    char path[512];
    assert_int_equal(mkdir(path_in(dir, "log", path), 0755), 0);
    dir_write(dir, "log/deliveries.ndjson",
              "{\"delivery_id\":\"01020304-0506-7008-800a-0b0c0d0e0f01\",\"a\":1}\n"
              "{\"delivery_id\":\"01020304-0506-7008-800a-0b0c0d0e0f02\",\"chan");
    kal_ledger *ledger = ledger_in(dir);
    assert_true(is_found(ledger, 1));
    assert_false(is_found(ledger, 2));
    add(ledger, 3, "{}");
    assert_int_equal(kal_ledger_write(ledger), KAL_OK);
    assert_false(is_found(ledger, 2));
    assert_true(is_found(ledger, 3));
    kal_ledger_close(ledger);
    kal_temp_dir_free(dir);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    kal_buf error = {0};
    assert_null(kal_ledger_open("/nonexistent/data", &error));
    assert_non_null(strstr(error.data, "/nonexistent/data"));
    assert_null(strchr(error.data, '\n'));
    kal_buf_deinit(&error);
    kal_ledger_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_written_together_and_whole),
        cmocka_unit_test(recipients_are_masked),
        cmocka_unit_test(what_was_written_is_found_after_a_restart),
        cmocka_unit_test(only_a_lines_own_id_is_found),
        cmocka_unit_test(a_torn_line_does_not_count_nor_spoil_the_next),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
