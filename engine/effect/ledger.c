#include "effect/ledger.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "{\"delivery_id\":\""

struct kal_ledger {
    char *path;
    int fd;
    kal_buf lines;
};

/* What a crash left of a line gets an end that no whole line has, or the next joins it. */
static bool end_torn_line(int fd)
{
    char last;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return size == 0;
    return pread(fd, &last, 1, size - 1) == 1 && (last == '\n' || write(fd, "#\n", 2) == 2);
}

kal_ledger *kal_ledger_open(const char *data_dir, kal_buf *error)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s/log", data_dir);
    mkdir(path.data, 0755);
    kal_buf_puts(&path, "/deliveries.ndjson");
    int fd = open(path.data, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0 || !end_torn_line(fd)) {
        kal_buf_printf(error, "%s cannot be opened: %s", path.data, strerror(errno));
        kal_buf_deinit(&path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    kal_ledger *ledger = kal_calloc(1, sizeof *ledger);
    ledger->path = path.data;
    ledger->fd = fd;
    return ledger;
}

void kal_ledger_close(kal_ledger *ledger)
{
    if (!ledger)
        return;
    close(ledger->fd);
    kal_buf_deinit(&ledger->lines);
    kal_free(ledger->path);
    kal_free(ledger);
}

static json_t *masked(const json_t *recipient)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)recipient, key, value)
    {
        kal_buf text = {0};
        if (json_is_string(value))
            kal_log_mask(json_string_value(value), &text);
        json_object_set_new(out, key,
                            json_is_string(value) ? json_string(text.data ? text.data : "")
                                                  : json_incref(value));
        kal_buf_deinit(&text);
    }
    return out;
}

void kal_ledger_add(kal_ledger *ledger, kal_uuid delivery, const json_t *line)
{
    char id[KAL_UUID_TEXT + 1];
    const char *key;
    json_t *value;
    kal_uuid_format(delivery, id);
    kal_buf_printf(&ledger->lines, PREFIX "%s\"", id);
    json_object_foreach((json_t *)(uintptr_t)line, key, value)
    {
        if (strcmp(key, "delivery_id") == 0)
            continue;
        json_t *shown = strcmp(key, "recipient") == 0 ? masked(value) : json_incref(value);
        kal_buf_putc(&ledger->lines, ',');
        kal_json_write_str(&ledger->lines, kal_str_of(key));
        kal_buf_putc(&ledger->lines, ':');
        kal_json_write(&ledger->lines, shown);
        json_decref(shown);
    }
    kal_buf_puts(&ledger->lines, "}\n");
}

kal_err kal_ledger_write(kal_ledger *ledger)
{
    if (!ledger->lines.len)
        return KAL_OK;
    flock(ledger->fd, LOCK_EX); /* so that nobody's lines come between these and their undoing */
    off_t before = lseek(ledger->fd, 0, SEEK_END);
    ssize_t n = write(ledger->fd, ledger->lines.data, ledger->lines.len);
    bool whole = n == (ssize_t)ledger->lines.len;
    if (!whole) {
        kal_log(KAL_LOG_ERROR, "ledger_write_failed", "path", ledger->path, "error",
                n < 0 ? strerror(errno) : "disk full", NULL);
        /* Part of the lines may stand there: cut them off, they did not leave. */
        if (n > 0 && before >= 0 && ftruncate(ledger->fd, before) != 0)
            kal_log(KAL_LOG_ERROR, "ledger_torn", "path", ledger->path, NULL);
    }
    flock(ledger->fd, LOCK_UN);
    kal_buf_clear(&ledger->lines);
    return whole ? KAL_OK : KAL_ERR_INTERNAL;
}

kal_err kal_ledger_find(kal_ledger *ledger, kal_strmap *ids, void *found)
{
    FILE *file = fopen(ledger->path, "re");
    if (!file)
        return KAL_ERR_INTERNAL;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    size_t prefix = strlen(PREFIX);
    while ((n = getline(&line, &cap, file)) > 0) {
        kal_str id = {line + prefix, KAL_UUID_TEXT};
        if ((size_t)n > prefix + KAL_UUID_TEXT && line[n - 2] == '}' && line[n - 1] == '\n' &&
            memcmp(line, PREFIX, prefix) == 0 && kal_strmap_get(ids, id))
            kal_strmap_put(ids, id, found);
    }
    kal_err err = ferror(file) ? KAL_ERR_INTERNAL : KAL_OK;
    free(line);
    fclose(file);
    return err;
}
