#include "lua/host/plugin.h"

#include "base/alloc.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SPEC "_spec.lua"
#define DEEPEST 8
#define FILES_MOST 256
#define BYTES_MOST 1048576 /* of a plugin's files */

typedef struct file {
    char *path; /* within the plugin */
    kal_buf text;
} file;

typedef struct reading {
    const char *shown;
    kal_buf *error;
    file *files;
    size_t n, bytes;
} reading;

static bool fail(reading *r, const char *path, const char *why)
{
    kal_buf_printf(r->error, "%s%s%s: %s", r->shown, *path ? "/" : "", path, why);
    return false;
}

static char *join(const char *folder, const char *name)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s%s%s", folder, *folder ? "/" : "", name);
    return path.data;
}

static bool is_lua(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".lua") == 0;
}

static bool is_link(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0 && S_ISLNK(found.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bool is_file(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

static bool read_text(reading *r, const char *full, kal_buf *text)
{
    char piece[8192];
    FILE *stream = fopen(full, "re");
    if (stream == NULL)
        return false;
    for (size_t got; r->bytes <= BYTES_MOST && (got = fread(piece, 1, sizeof piece, stream)) > 0;
         r->bytes += got)
        kal_buf_add(text, piece, got);
    bool ok = !ferror(stream);
    int why = errno;
    fclose(stream);
    errno = why;
    return ok;
}

/* Takes a file in under its path within the plugin. */
static bool take(reading *r, const char *full, const char *path)
{
    if (r->n == FILES_MOST)
        return fail(r, "", "it has too many files");
    r->files = kal_realloc(r->files, (r->n + 1) * sizeof *r->files);
    file *taken = &r->files[r->n++];
    *taken = (file){.path = kal_strdup(path)};
    if (!read_text(r, full, &taken->text))
        return fail(r, path, strerror(errno));
    if (r->bytes > BYTES_MOST)
        return fail(r, "", "it is larger than 1 MiB");
    if (!kal_str_utf8((kal_str){taken->text.data, taken->text.len}) ||
        !kal_str_utf8(kal_str_of(path)))
        return fail(r, "", "a file or its name is no UTF-8 text");
    return true;
}

/* All Lua files below a folder, hidden names apart. */
static bool take_folder(reading *r, const char *full, const char *within, int depth)
{
    if (depth > DEEPEST)
        return fail(r, within, "folders are nested too deep");
    DIR *stream = opendir(full);
    if (stream == NULL)
        return fail(r, within, strerror(errno));
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char *next = join(full, entry->d_name), *path = join(within, entry->d_name);
        if (is_link(next) && is_folder(next))
            ok = fail(r, path, "a link to a folder is not followed");
        else if (is_folder(next))
            ok = take_folder(r, next, path, depth + 1);
        else if (is_lua(path) && !kal_plugin_is_spec(path) && is_file(next))
            ok = take(r, next, path);
        kal_free(next);
        kal_free(path);
    }
    closedir(stream);
    return ok;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const file *)a)->path, ((const file *)b)->path);
}

static void write_artefact(reading *r, kal_buf *out)
{
    qsort(r->files, r->n, sizeof *r->files, by_path);
    kal_buf_puts(out, "{\"files\":{");
    for (size_t i = 0; i < r->n; i++) {
        const kal_buf *text = &r->files[i].text;
        if (i > 0)
            kal_buf_putc(out, ',');
        kal_json_write_str(out, kal_str_of(r->files[i].path));
        kal_buf_putc(out, ':');
        kal_json_write_str(out, (kal_str){text->len ? text->data : "", text->len});
    }
    kal_buf_puts(out, "}}");
}

static kal_plugin *plugin_of(reading *r, const char *entry, const char *shown)
{
    kal_plugin *plugin = kal_calloc(1, sizeof *plugin);
    atomic_init(&plugin->refs, 1);
    plugin->name = kal_plugin_name(entry);
    plugin->path = kal_strdup(shown);
    write_artefact(r, &plugin->artefact);
    kal_digest_sha256((kal_str){plugin->artefact.data, plugin->artefact.len}, plugin->hash);
    return plugin;
}

static bool has_entry(const char *full)
{
    static const char *const entries[] = {"node.lua", "provider.lua", "inbound.lua",
                                          "interceptor.lua"};
    bool found = false;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        char *path = join(full, entries[i]);
        found = found || is_file(path);
        kal_free(path);
    }
    return found;
}

bool kal_plugin_is_spec(const char *path)
{
    size_t n = strlen(path), end = strlen(SPEC);
    return n > end && strcmp(path + n - end, SPEC) == 0;
}

char *kal_plugin_name(const char *entry)
{
    return kal_strndup(entry, strlen(entry) - (is_lua(entry) ? 4 : 0));
}

kal_plugin *kal_plugin_read(const char *folder, const char *entry, kal_buf *error)
{
    char *full = join(folder, entry), *shown = join("plugins", entry);
    reading r = {.shown = shown, .error = error};
    kal_plugin *plugin = NULL;
    bool ok = false;
    if (!kal_str_utf8(kal_str_of(entry)))
        kal_buf_puts(error, "its name is no UTF-8 text");
    else if (is_folder(full))
        ok = has_entry(full) && take_folder(&r, full, "", 0);
    else if (is_lua(entry) && !kal_plugin_is_spec(entry) && is_file(full))
        ok = take(&r, full, "node.lua");
    if (ok)
        plugin = plugin_of(&r, entry, shown);
    for (size_t i = 0; i < r.n; i++) {
        kal_free(r.files[i].path);
        kal_buf_deinit(&r.files[i].text);
    }
    kal_free(r.files);
    kal_free(full);
    kal_free(shown);
    return plugin;
}

kal_plugin *kal_plugin_ref(kal_plugin *plugin)
{
    atomic_fetch_add(&plugin->refs, 1);
    return plugin;
}

void kal_plugin_unref(kal_plugin *plugin)
{
    if (plugin == NULL || atomic_fetch_sub(&plugin->refs, 1) > 1)
        return;
    kal_buf_deinit(&plugin->artefact);
    kal_free(plugin->name);
    kal_free(plugin->path);
    kal_free(plugin);
}
