/* Plugins from disk: what is read, what is in force, and which code a version gets. */
#include "host_test.h"

#include "lua/host/watch.h"

#include <limits.h>

typedef struct fixture {
    char *home;
    kal_plugins *plugins;
    kal_lua *lua;
} fixture;

static void link_in(const char *home, const char *name)
{
    char to[PATH_MAX], from[PATH_MAX + 8];
    assert_non_null(realpath(name, to));
    snprintf(from, sizeof from, "%s/%s", home, name);
    assert_int_equal(symlink(to, from), 0);
}

/* The repository's Lua over plugins of the test's own; the working directory is the repository's.
 */
static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    kal_buf error = {0};
    f->home = kal_temp_dir_new();
    link_in(f->home, "lua");
    link_in(f->home, "nodes");
    f->plugins = kal_plugins_new(f->home, "", &error);
    f->lua = kal_lua_new(f->home, f->plugins, &error);
    assert_non_null(f->lua);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    kal_lua_free(f->lua);
    kal_plugins_free(f->plugins);
    kal_temp_dir_free(f->home);
    free(f);
    return 0;
}

/* A node type whose code gives what it says. */
static void put(fixture *f, const char *path, const char *type, const char *says)
{
    char text[512], full[128];
    snprintf(full, sizeof full, "plugins/%s", path);
    snprintf(text, sizeof text,
             "return { type = '%s', category = 'action', version = '1', summary = 'S.',\n"
             "  config = { type = 'object' },\n"
             "  execute = function() return require('kal.outcome').complete { said = %s } end }",
             type, says);
    host_write(f->home, full, text);
}

static void drop(fixture *f, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/plugins/%s", f->home, path);
    assert_int_equal(unlink(full), 0);
}

static bool reload(fixture *f)
{
    bool changed = kal_plugins_reload(f->plugins);
    assert_int_equal(kal_lua_adopt(f->lua), changed);
    return changed;
}

static void assert_problem(fixture *f, const char *name, const char *why)
{
    json_t *problems = kal_plugins_problems(f->plugins);
    const char *told = json_string_value(json_object_get(problems, name));
    if (!told || !strstr(told, why))
        fail_msg("\"%s\" is not in: %s", why, told ? told : "(none)");
    json_decref(problems);
}

static void assert_no_problems(fixture *f)
{
    json_t *problems = kal_plugins_problems(f->plugins);
    assert_int_equal(json_object_size(problems), 0);
    json_decref(problems);
}

/* The hash of the type in force; empty when it is unknown. */
static void hash_of(fixture *f, const char *type, char hash[65])
{
    json_t *about = kal_lua_describe(f->lua, kal_str_of(type), (kal_str){0}, NULL);
    kal_str found = kal_json_get_str(about, "plugin");
    snprintf(hash, 65, "%.*s", (int)found.n, found.p ? found.p : "");
    json_decref(about);
}

static void assert_says(fixture *f, const char *type, const char *hash, const char *said)
{
    kal_arena *arena = kal_arena_new();
    kal_outcome out;
    kal_lua_node *node =
        kal_lua_node_new(f->lua, kal_str_of("n"), kal_str_of(type), kal_str_of(hash), NULL);
    assert_non_null(node);
    kal_lua_call call = {.node = node};
    assert_int_equal(kal_lua_context_new(f->lua, kal_str_of("{}"), kal_str_of(""), &call.context),
                     KAL_OK);
    kal_lua_run(f->lua, &call, arena, &out);
    assert_non_null(out.result.p);
    if (!strstr(out.result.p, said))
        fail_msg("\"%s\" is not in: %s", said, out.result.p);
    json_decref(out.effects);
    kal_lua_unref(f->lua, call.context);
    kal_lua_node_free(f->lua, node);
    kal_arena_free(arena);
}

static void test_the_hash_is_of_all_its_lua_files(void **state)
{
    fixture *f = *state;
    char single[65], folder[65], more[65], text[65], changed[65];
    put(f, "a.lua", "speak", "'a'");
    assert_true(reload(f));
    hash_of(f, "speak", single);
    drop(f, "a.lua");
    put(f, "b/node.lua", "speak", "'a'");
    assert_true(reload(f));
    hash_of(f, "speak", folder);
    assert_int_equal(strlen(single), 64);
    assert_string_equal(single, folder);
    host_write(f->home, "plugins/b/deep/part.lua", "return 1");
    assert_true(reload(f));
    hash_of(f, "speak", more);
    assert_string_not_equal(folder, more);
    host_write(f->home, "plugins/b/README.md", "no Lua");
    host_write(f->home, "plugins/b/.part.lua", "hidden");
    assert_false(reload(f));
    hash_of(f, "speak", text);
    assert_string_equal(more, text);
    host_write(f->home, "plugins/b/deep/part.lua", "return 2");
    assert_true(reload(f));
    hash_of(f, "speak", changed);
    assert_string_not_equal(more, changed);
    assert_false(reload(f));
}

static void test_old_code_is_known_by_its_hash(void **state)
{
    fixture *f = *state;
    char old[65], new[65];
    put(f, "a.lua", "speak", "'old'");
    assert_true(reload(f));
    hash_of(f, "speak", old);
    put(f, "a.lua", "speak", "'new'");
    assert_true(reload(f));
    hash_of(f, "speak", new);
    assert_says(f, "speak", old, "old");
    assert_says(f, "speak", NULL, "new");
    drop(f, "a.lua");
    assert_true(reload(f));
    assert_says(f, "speak", new, "new");
    assert_null(kal_lua_describe(f->lua, kal_str_of("speak"), (kal_str){0}, NULL));
    assert_int_equal(kal_plugins_count(f->plugins), 0);
}

static void test_an_artefact_is_enough_for_another_state(void **state)
{
    fixture *f = *state;
    char hash[65];
    kal_buf error = {0};
    put(f, "a/node.lua", "speak", "'kept'");
    assert_true(reload(f));
    hash_of(f, "speak", hash);
    json_t *pins = json_pack("{s:s, s:s}", "speak", hash, "other", "none");
    json_t *artefacts = kal_lua_artefacts(f->lua, pins);
    assert_int_equal(json_object_size(artefacts), 1);
    kal_str artefact = kal_json_get_str(artefacts, hash);
    kal_lua_free(f->lua);
    f->lua = kal_lua_new(f->home, NULL, &error);
    assert_null(kal_lua_describe(f->lua, kal_str_of("speak"), kal_str_of(hash), NULL));
    kal_lua_keep(f->lua, kal_str_of(hash), artefact);
    kal_lua_keep(f->lua, kal_str_of("bad"), kal_str_of("{\"files\":{\"node.lua\":\"return {\"}}"));
    assert_says(f, "speak", hash, "kept");
    json_t *kept = kal_lua_kept(f->lua);
    assert_int_equal(json_array_size(kept), 1);
    json_decref(kept);
    json_decref(artefacts);
    json_decref(pins);
}

static void test_a_broken_one_leaves_the_last_good_one(void **state)
{
    fixture *f = *state;
    put(f, "a.lua", "east", "'a'");
    put(f, "b.lua", "west", "'b'");
    assert_true(reload(f));
    host_write(f->home, "plugins/a.lua", "return {");
    put(f, "b.lua", "west", "'better'");
    assert_true(reload(f));
    assert_problem(f, "a", "plugins/a.lua:1: unexpected symbol");
    assert_says(f, "east", NULL, "a");
    assert_says(f, "west", NULL, "better");
    put(f, "a.lua", "east", "'mended'");
    assert_true(reload(f));
    assert_no_problems(f);
    assert_says(f, "east", NULL, "mended");
}

/* b is broken, so its last good code stays; a wants the type that this has. */
static void test_a_type_is_not_taken_from_one_that_falls_back(void **state)
{
    fixture *f = *state;
    put(f, "a.lua", "east", "'a'");
    put(f, "b.lua", "west", "'b'");
    assert_true(reload(f));
    put(f, "a.lua", "west", "'thief'");
    host_write(f->home, "plugins/b.lua", "error 'broken'");
    assert_false(reload(f));
    assert_problem(f, "a", "the type is there already");
    assert_problem(f, "b", "plugins/b.lua:1: broken");
    assert_says(f, "east", NULL, "a");
    assert_says(f, "west", NULL, "b");
}

static void test_what_is_too_large_is_refused(void **state)
{
    fixture *f = *state;
    char path[64], *big = malloc((1 << 20) + 2);
    memset(big, '-', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    host_write(f->home, "plugins/big.lua", big);
    put(f, "many/node.lua", "many", "1");
    for (int i = 0; i < 256; i++) {
        snprintf(path, sizeof path, "plugins/many/part%d.lua", i);
        host_write(f->home, path, "return 1");
    }
    put(f, "deep/node.lua", "deep", "1");
    host_write(f->home, "plugins/deep/1/2/3/4/5/6/7/8/9/part.lua", "return 1");
    assert_false(reload(f));
    assert_problem(f, "big", "it is larger than 1 MiB");
    assert_problem(f, "many", "it has too many files");
    assert_problem(f, "deep", "folders are nested too deep");
    free(big);
}

static void test_a_folder_that_cannot_be_read_changes_nothing(void **state)
{
    fixture *f = *state;
    char path[PATH_MAX], away[PATH_MAX];
    put(f, "a.lua", "speak", "'a'");
    assert_true(reload(f));
    snprintf(path, sizeof path, "%s/plugins", f->home);
    snprintf(away, sizeof away, "%s/away", f->home);
    assert_int_equal(rename(path, away), 0);
    host_write(f->home, "plugins", "a file");
    assert_false(reload(f));
    assert_problem(f, "KALCIFER_PLUGIN_PATH", "Not a directory");
    assert_says(f, "speak", NULL, "a");
    assert_int_equal(unlink(path), 0);
    assert_true(reload(f)); /* it is gone, and so are they */
    assert_no_problems(f);
}

static void count(void *data)
{
    ++*(int *)data;
}

static void test_a_change_is_noticed(void **state)
{
    fixture *f = *state;
    uv_loop_t loop;
    int changes = 0;
    put(f, "a/node.lua", "speak", "'old'");
    assert_int_equal(uv_loop_init(&loop), 0);
    kal_watch *watch = kal_watch_new(&loop, f->plugins, count, &changes);
    assert_int_equal(changes, 1);
    put(f, "a/node.lua", "speak", "require 'plugin.word'");
    host_write(f->home, "plugins/a/words/word.lua", "return 'new'");
    while (changes < 2)
        uv_run(&loop, UV_RUN_ONCE);
    host_write(f->home, "plugins/a/words/word.lua", "return 'newer'");
    while (changes < 3)
        uv_run(&loop, UV_RUN_ONCE);
    kal_watch_free(watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_true(kal_lua_adopt(f->lua));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_hash_is_of_all_its_lua_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_code_is_known_by_its_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_artefact_is_enough_for_another_state, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_one_leaves_the_last_good_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_type_is_not_taken_from_one_that_falls_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_too_large_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_read_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_change_is_noticed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
