#include "lua/host/plugins.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"
#include "lua/host/plugin_set.h"
#include "lua/host/reason.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#define PLUGINS_MOST 1000
#define DEEPEST 8

struct kal_plugins {
    char *home;
    char **folders;
    size_t n_folders;
    kal_strmap shadowed; /* told already */
    uv_mutex_t lock;     /* guards set, problems */
    kal_plugin_set *set;
    json_t *problems;
};

/* -- sets ------------------------------------------------------------------------------------- */

kal_plugin_set *kal_plugin_set_new(kal_plugin *const *items, size_t n)
{
    kal_plugin_set *set = kal_calloc(1, sizeof *set + n * sizeof *items);
    atomic_init(&set->refs, 1);
    set->n = n;
    for (size_t i = 0; i < n; i++)
        set->items[i] = kal_plugin_ref(items[i]);
    return set;
}

void kal_plugin_set_unref(kal_plugin_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        kal_plugin_unref(set->items[i]);
    kal_free(set);
}

static kal_plugin *find(const kal_plugin_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->items[i]->name, name) == 0)
            return set->items[i];
    return NULL;
}

static bool same(const kal_plugin *a, const kal_plugin *b)
{
    return a != NULL && b != NULL && strcmp(a->hash, b->hash) == 0 && strcmp(a->path, b->path) == 0;
}

kal_plugin_set *kal_plugins_set(kal_plugins *plugins)
{
    uv_mutex_lock(&plugins->lock);
    kal_plugin_set *set = plugins->set;
    atomic_fetch_add(&set->refs, 1);
    uv_mutex_unlock(&plugins->lock);
    return set;
}

/* -- what lies in the folders ----------------------------------------------------------------- */

/* A reading of the folders: those that are as they were come first, then those to be tried. */
typedef struct scan {
    kal_plugins *plugins;
    const kal_plugin_set *before;
    kal_strmap names; /* that are taken */
    kal_plugin *items[PLUGINS_MOST];
    size_t n, settled;
    json_t *problems;
    bool failed; /* nothing is to change */
} scan;

static void note(scan *s, const char *name, const char *why)
{
    kal_buf key = {0}, text = {0};
    kal_reason_clean(&key, kal_str_of(name), s->plugins->home);
    kal_reason_clean(&text, kal_str_of(why), s->plugins->home);
    json_object_set_new(s->problems, key.data, json_string(text.data));
    kal_buf_deinit(&key);
    kal_buf_deinit(&text);
}

static void settle(scan *s, kal_plugin *plugin)
{
    memmove(s->items + s->settled + 1, s->items + s->settled,
            (s->n - s->settled) * sizeof(kal_plugin *));
    s->items[s->settled++] = plugin;
    s->n++;
}

/* What is wrong with a plugin leaves the one in force, if any, as it is. */
static void fall_back(scan *s, const char *name, const char *why)
{
    kal_plugin *last = find(s->before, name);
    note(s, name, why);
    if (last != NULL)
        settle(s, kal_plugin_ref(last));
}

static void tell_shadowed(scan *s, const char *folder, const char *entry)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s/%s", folder, entry);
    if (!kal_strmap_put(&s->plugins->shadowed, (kal_str){path.data, path.len}, s->plugins))
        kal_log(KAL_LOG_WARN, "plugin_shadowed", "path", path.data, NULL);
    kal_buf_deinit(&path);
}

static void take_entry(scan *s, const char *folder, const char *entry)
{
    kal_buf error = {0};
    char *name = kal_plugin_name(entry);
    kal_plugin *plugin = kal_plugin_read(folder, entry, &error);
    bool there = plugin != NULL || error.len > 0;
    if (there && kal_strmap_put(&s->names, kal_str_of(name), s)) {
        tell_shadowed(s, folder, entry);
        kal_plugin_unref(plugin);
    } else if (there && s->n == PLUGINS_MOST) {
        note(s, name, "there are too many plugins");
        kal_plugin_unref(plugin);
    } else if (error.len > 0) {
        fall_back(s, name, error.data);
    } else if (plugin != NULL && same(plugin, find(s->before, name))) {
        settle(s, plugin);
    } else if (plugin != NULL) {
        s->items[s->n++] = plugin;
    }
    kal_free(name);
    kal_buf_deinit(&error);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* The usual folder need not be there. */
static void take_folder(scan *s, const char *folder, bool is_usual)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, visible, by_name);
    if (n < 0 && (errno != ENOENT || !is_usual)) {
        s->failed = s->failed || errno != ENOENT; /* they are there, and cannot be read */
        kal_buf why = {0};
        kal_buf_printf(&why, "a folder of the path: %s", strerror(errno));
        note(s, "KALCIFER_PLUGIN_PATH", why.data);
        kal_buf_deinit(&why);
    }
    for (int i = 0; i < n; i++) {
        take_entry(s, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* -- trying them ------------------------------------------------------------------------------ */

/* One plugin is refused by those before it, or by itself. */
static void reject(scan *s, size_t bad, const char *why)
{
    kal_plugin *plugin = s->items[bad];
    memmove(s->items + bad, s->items + bad + 1, (s->n - bad - 1) * sizeof(kal_plugin *));
    s->n--;
    if (bad < s->settled) {
        s->settled--;
        note(s, plugin->name, why);
    } else {
        fall_back(s, plugin->name, why);
    }
    kal_plugin_unref(plugin);
}

/* Until all that are left load together. False with the reason when the home does not. */
static bool try_all(scan *s, kal_buf *error)
{
    for (bool good = s->n == s->settled; !good;) {
        kal_lua *lua = kal_lua_new(s->plugins->home, NULL, error);
        if (lua == NULL)
            return false;
        kal_buf why = {0};
        size_t bad = 0;
        kal_plugin_set *set = kal_plugin_set_new(s->items, s->n);
        good = kal_lua_try(lua, set, &bad, &why);
        if (!good)
            reject(s, bad, why.data);
        kal_plugin_set_unref(set);
        kal_lua_free(lua);
        kal_buf_deinit(&why);
    }
    return true;
}

static void tell_changes(const kal_plugin_set *before, const kal_plugin_set *now)
{
    for (size_t i = 0; i < now->n; i++)
        if (!same(now->items[i], find(before, now->items[i]->name)))
            kal_log(KAL_LOG_INFO, "plugin_loaded", "plugin", now->items[i]->name, "hash",
                    now->items[i]->hash, NULL);
    for (size_t i = 0; i < before->n; i++)
        if (find(now, before->items[i]->name) == NULL)
            kal_log(KAL_LOG_INFO, "plugin_gone", "plugin", before->items[i]->name, NULL);
}

/* Each once. */
static void tell_problems(json_t *before, json_t *now)
{
    const char *name;
    json_t *why;
    json_object_foreach(now, name, why)
    {
        if (!json_equal(why, json_object_get(before, name)))
            kal_log(KAL_LOG_ERROR, "plugin_broken", "plugin", name, "error", json_string_value(why),
                    NULL);
    }
    json_object_foreach(before, name, why)
    {
        if (json_object_get(now, name) == NULL)
            kal_log(KAL_LOG_INFO, "plugin_mended", "plugin", name, NULL);
    }
}

static bool differ(const kal_plugin_set *a, const kal_plugin_set *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = same(a->items[i], find(b, a->items[i]->name));
    return !equal;
}

/* Puts in force what has been found; true when it is something else than before. */
static bool publish(kal_plugins *plugins, scan *s)
{
    kal_plugin_set *set = kal_plugin_set_new(s->items, s->n), *old = plugins->set;
    json_t *problems = plugins->problems;
    bool changed = differ(set, old);
    tell_changes(old, set);
    tell_problems(problems, s->problems);
    uv_mutex_lock(&plugins->lock);
    plugins->problems = json_incref(s->problems);
    plugins->set = changed ? set : old;
    uv_mutex_unlock(&plugins->lock);
    kal_plugin_set_unref(changed ? old : set);
    json_decref(problems);
    return changed;
}

/* False with the reason in error when nothing could be tried. */
static bool load(kal_plugins *plugins, bool *changed, kal_buf *error)
{
    scan *s = kal_calloc(1, sizeof *s);
    s->plugins = plugins;
    s->before = plugins->set;
    s->problems = json_object();
    for (size_t i = 0; i < plugins->n_folders; i++)
        take_folder(s, plugins->folders[i], i + 1 == plugins->n_folders);
    bool ok = s->failed || try_all(s, error);
    if (s->failed) { /* what is in force stays, and what is wrong is told */
        for (size_t i = 0; i < s->n; i++)
            kal_plugin_unref(s->items[i]);
        s->n = plugins->set->n;
        for (size_t i = 0; i < s->n; i++)
            s->items[i] = kal_plugin_ref(plugins->set->items[i]);
    }
    *changed = ok && publish(plugins, s);
    for (size_t i = 0; i < s->n; i++)
        kal_plugin_unref(s->items[i]);
    kal_strmap_deinit(&s->names);
    json_decref(s->problems);
    kal_free(s);
    return ok;
}

/* -- the whole -------------------------------------------------------------------------------- */

static void add_folder(kal_plugins *plugins, const char *path, size_t n)
{
    if (n == 0)
        return;
    plugins->folders =
        kal_realloc(plugins->folders, (plugins->n_folders + 1) * sizeof *plugins->folders);
    plugins->folders[plugins->n_folders++] = kal_strndup(path, n);
}

kal_plugins *kal_plugins_new(const char *home, const char *path, kal_buf *error)
{
    kal_plugins *plugins = kal_calloc(1, sizeof *plugins);
    kal_buf usual = {0};
    bool changed;
    kal_buf_printf(&usual, "%s/plugins", home);
    plugins->home = kal_strdup(home);
    plugins->set = kal_plugin_set_new(NULL, 0);
    plugins->problems = json_object();
    uv_mutex_init(&plugins->lock);
    for (size_t n; *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        add_folder(plugins, path, n);
    }
    add_folder(plugins, usual.data, usual.len);
    kal_buf_deinit(&usual);
    if (load(plugins, &changed, error))
        return plugins;
    kal_plugins_free(plugins);
    return NULL;
}

void kal_plugins_free(kal_plugins *plugins)
{
    if (plugins == NULL)
        return;
    for (size_t i = 0; i < plugins->n_folders; i++)
        kal_free(plugins->folders[i]);
    kal_free(plugins->folders);
    kal_strmap_deinit(&plugins->shadowed);
    kal_plugin_set_unref(plugins->set);
    json_decref(plugins->problems);
    uv_mutex_destroy(&plugins->lock);
    kal_free(plugins->home);
    kal_free(plugins);
}

bool kal_plugins_reload(kal_plugins *plugins)
{
    kal_buf error = {0};
    bool changed = false;
    if (!load(plugins, &changed, &error))
        kal_log(KAL_LOG_ERROR, "plugins_not_tried", "error", error.data, NULL);
    kal_buf_deinit(&error);
    return changed;
}

json_t *kal_plugins_problems(kal_plugins *plugins)
{
    uv_mutex_lock(&plugins->lock);
    json_t *copy = json_deep_copy(plugins->problems);
    uv_mutex_unlock(&plugins->lock);
    return copy;
}

size_t kal_plugins_count(kal_plugins *plugins)
{
    uv_mutex_lock(&plugins->lock);
    size_t n = plugins->set->n;
    uv_mutex_unlock(&plugins->lock);
    return n;
}

static void visit(const char *folder, int depth, void (*each)(void *data, const char *folder),
                  void *data)
{
    each(data, folder);
    DIR *stream = depth < DEEPEST ? opendir(folder) : NULL;
    if (stream == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        struct stat found;
        kal_buf path = {0};
        kal_buf_printf(&path, "%s/%s", folder, entry->d_name);
        int status = depth == 0 ? stat(path.data, &found) : lstat(path.data, &found);
        if (visible(entry) && status == 0 && S_ISDIR(found.st_mode))
            visit(path.data, depth + 1, each, data);
        kal_buf_deinit(&path);
    }
    closedir(stream);
}

void kal_plugins_folders(const kal_plugins *plugins, void (*each)(void *data, const char *folder),
                         void *data)
{
    for (size_t i = 0; i < plugins->n_folders; i++)
        visit(plugins->folders[i], 0, each, data);
}
