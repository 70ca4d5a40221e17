#include "api/files/folder.h"

#include "api/files/pretty.h"
#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST ((size_t)16 << 20)

void kal_folder_problem(json_t *problems, const char *file, const char *problem)
{
    json_array_append_new(problems, json_pack("{s:s, s:s}", "file", file, "problem", problem));
}

static bool fail(kal_buf *error, const char *path)
{
    kal_buf_printf(error, "%s: %s", path, strerror(errno));
    return false;
}

/* The whole file, of FILE_MOST at most; false with errno. */
static bool slurp(const char *path, kal_buf *out)
{
    FILE *file = fopen(path, "rbe");
    size_t n;

    if (!file)
        return false;
    do {
        n = fread(kal_buf_reserve(out, 65536), 1, 65536, file);
        out->len += n;
        out->data[out->len] = '\0';
    } while (n && out->len <= FILE_MOST);
    int code = ferror(file) ? EIO : out->len > FILE_MOST ? EFBIG : 0;
    fclose(file);
    errno = code;
    return code == 0;
}

static bool is_known(const kal_item_kind *kind, const char *member)
{
    for (const kal_item_field *f = kind->fields; f->name; f++)
        if (strcmp(f->name, member) == 0)
            return true;
    return strcmp(member, "name") == 0 || strcmp(member, "number") == 0;
}

/* The object that a file's text holds when it reads as an item; else NULL with the problem. */
static json_t *read_object(const kal_item_kind *kind, const kal_buf *text, kal_buf *problem)
{
    char error[160];
    json_t *object = kal_json_parse((kal_str){text->data, text->len}, error);
    const json_t *number = json_object_get(object, "number");

    if (!object)
        kal_buf_puts(problem, error);
    else if (!json_is_object(object))
        kal_buf_puts(problem, "must hold a JSON object");
    else if (!json_string_length(json_object_get(object, "name")))
        kal_buf_puts(problem, "name: can't be blank");
    else if (number && json_integer_value(number) < 1)
        kal_buf_puts(problem, "number: is invalid");
    for (void *i = json_object_iter(object); i && !problem->len;
         i = json_object_iter_next(object, i))
        if (!is_known(kind, json_object_iter_key(i)))
            kal_buf_printf(problem, "%s: no member of a %s", json_object_iter_key(i), kind->name);
    if (!problem->len)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *read_file(const kal_item_kind *kind, const char *path, kal_buf *problem)
{
    kal_buf text = {0};
    json_t *object = NULL;

    if (slurp(path, &text))
        object = read_object(kind, &text, problem);
    else
        kal_buf_puts(problem, strerror(errno));
    kal_buf_deinit(&text);
    return object;
}

/* The names of DIR/flows/… that end in .json, sorted; n is -1 with errno when there is no such
 * folder. */
static int is_json(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

typedef struct files {
    struct dirent **list;
    int n;
} files;

static files list_files(const char *dir, const kal_item_kind *kind)
{
    kal_buf path = {0};
    files f = {0};

    kal_buf_printf(&path, "%s/%s", dir, kind->folder);
    f.n = scandir(path.data, &f.list, is_json, alphasort);
    kal_buf_deinit(&path);
    return f;
}

static void free_files(files *f)
{
    for (int i = 0; i < f->n; i++)
        free(f->list[i]);
    free(f->list);
}

static void read_item(const char *dir, const kal_item_kind *kind, const char *name,
                      kal_items *items, json_t *problems)
{
    kal_buf file = {0}, path = {0}, problem = {0};

    kal_buf_printf(&file, "%s/%s", kind->folder, name);
    kal_buf_printf(&path, "%s/%s", dir, file.data);
    json_t *object = read_file(kind, path.data, &problem);
    if (object) {
        kal_item *item = kal_items_add(items, kind, object);
        const json_t *number = json_object_get(object, "number");
        item->number = number ? json_integer_value(number) : 1;
        item->file = kal_strdup(file.data);
        json_object_del(object, "number");
    } else {
        kal_folder_problem(problems, file.data, problem.data);
    }
    kal_buf_deinit(&file);
    kal_buf_deinit(&path);
    kal_buf_deinit(&problem);
}

bool kal_folder_read(const char *dir, kal_items *items, json_t *problems, kal_buf *error)
{
    size_t count, folders = 0;
    const kal_item_kind *kinds = kal_item_kinds(&count);

    for (size_t k = 0; k < count; k++) {
        files f = list_files(dir, &kinds[k]);
        if (f.n < 0 && errno != ENOENT)
            return fail(error, dir);
        folders += f.n >= 0;
        for (int i = 0; i < f.n; i++)
            read_item(dir, &kinds[k], f.list[i]->d_name, items, problems);
        free_files(&f);
    }
    if (folders == 0)
        kal_buf_printf(error, "%s: there is no folder segments, flows or journeys in it", dir);
    return folders > 0;
}

/* A file is there whole or not at all. */
static bool replace(const char *path, const kal_buf *text, kal_buf *error)
{
    kal_buf other = {0};

    kal_buf_printf(&other, "%s.new", path);
    FILE *file = fopen(other.data, "wbe");
    bool ok = file && fwrite(text->data, 1, text->len, file) == text->len;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = (ok && rename(other.data, path) == 0) || fail(error, path);
    kal_buf_deinit(&other);
    return ok;
}

static json_t *as_written(const kal_item *item)
{
    json_t *object = json_copy(item->object);
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value) if (json_is_null(value))
        json_object_del(object, key);
    if (item->number > 1)
        json_object_set_new(object, "number", json_integer(item->number));
    return object;
}

static bool write_item(const char *dir, const kal_item *item, json_t *written, kal_buf *error)
{
    kal_buf path = {0}, text = {0}, before = {0};
    json_t *object = as_written(item);
    bool ok = true;

    kal_buf_printf(&path, "%s/%s", dir, item->file);
    kal_pretty_write(&text, object);
    if (!slurp(path.data, &before) || before.len != text.len ||
        memcmp(before.data, text.data, text.len) != 0) {
        ok = replace(path.data, &text, error);
        json_array_append_new(written, json_string(item->file));
    }
    kal_buf_deinit(&path);
    kal_buf_deinit(&text);
    kal_buf_deinit(&before);
    json_decref(object);
    return ok;
}

static bool has_file(const kal_items *items, const char *file)
{
    for (size_t i = 0; i < items->n; i++)
        if (strcmp(items->list[i].file, file) == 0)
            return true;
    return false;
}

/* Removes a file that an earlier export may have left: one that reads as an item. */
static bool remove_old(const char *dir, const kal_item_kind *kind, const char *name,
                       const kal_items *items, json_t *removed, kal_buf *error)
{
    kal_buf file = {0}, path = {0}, problem = {0};
    bool ok = true;

    kal_buf_printf(&file, "%s/%s", kind->folder, name);
    kal_buf_printf(&path, "%s/%s", dir, file.data);
    json_t *object = has_file(items, file.data) ? NULL : read_file(kind, path.data, &problem);
    if (object) {
        ok = unlink(path.data) == 0 || fail(error, path.data);
        json_array_append_new(removed, json_string(file.data));
    }
    json_decref(object);
    kal_buf_deinit(&file);
    kal_buf_deinit(&path);
    kal_buf_deinit(&problem);
    return ok;
}

static bool make(const char *path, kal_buf *error)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST || fail(error, path);
}

/* Makes the folder of a kind and empties it of what is no more. */
static bool prepare(const char *dir, const kal_item_kind *kind, const kal_items *items,
                    json_t *removed, kal_buf *error)
{
    kal_buf path = {0};

    kal_buf_printf(&path, "%s/%s", dir, kind->folder);
    bool ok = make(path.data, error);
    files f = list_files(dir, kind);
    if (ok && f.n < 0)
        ok = fail(error, path.data);
    for (int i = 0; ok && i < f.n; i++)
        ok = remove_old(dir, kind, f.list[i]->d_name, items, removed, error);
    free_files(&f);
    kal_buf_deinit(&path);
    return ok;
}

bool kal_folder_write(const char *dir, const kal_items *items, json_t *written, json_t *removed,
                      kal_buf *error)
{
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);
    bool ok = make(dir, error);

    for (size_t k = 0; ok && k < count; k++)
        ok = prepare(dir, &kinds[k], items, removed, error);
    for (size_t i = 0; ok && i < items->n; i++)
        ok = write_item(dir, &items->list[i], written, error);
    return ok;
}
