#include "base/config.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "KALCIFER_"
#define BLOCKED_PORT 6000
#define STARS "***"

typedef enum kind { KIND_text, KIND_int, KIND_bool, KIND_level } kind;

typedef struct setting {
    const char *name;
    kind kind;
    const char *initial;
    int64_t least, most;
    const char *meaning;
} setting;

static const setting settings[] = {
#define X(field, name, kind, initial, least, most, meaning)                                        \
    {name, KIND_##kind, initial, least, most, meaning},
    KAL_SETTINGS(X)
#undef X
};

#define COUNT (sizeof settings / sizeof *settings)

/* Names of the environment that are no settings: the test harness's and the crash points'. */
static const char *const reserved[] = {"KALCIFER_BIN", "KALCIFER_LONG"};

typedef struct value {
    char *text, *origin;
    int64_t number; /* of an int or bool */
} value;

struct kal_config {
    value values[COUNT];
};

/* The index of a name, COUNT when it is no setting. */
static size_t find(kal_str name)
{
    size_t i = 0;
    while (i < COUNT && !kal_str_is(name, settings[i].name))
        i++;
    return i;
}

static bool read_int(const setting *s, const char *text, int64_t *out, kal_buf *error)
{
    if (!kal_str_int(kal_str_of(text), out) || *out < s->least || *out > s->most) {
        kal_buf_printf(error, "%s must be a whole number from %lld to %lld", s->name,
                       (long long)s->least, (long long)s->most);
        return false;
    }
    if (strcmp(s->name, "PORT") == 0 && *out == BLOCKED_PORT) {
        kal_buf_printf(error, "%s must not be %d: browsers block it", s->name, BLOCKED_PORT);
        return false;
    }
    return true;
}

static bool read_bool(const setting *s, const char *text, int64_t *out, kal_buf *error)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (*out || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
        return true;
    kal_buf_printf(error, "%s must be true or false", s->name);
    return false;
}

static bool read_level(const setting *s, const char *text, kal_buf *error)
{
    kal_log_level level;
    if (kal_log_parse_level(text, &level))
        return true;
    kal_buf_printf(error, "%s must be debug, info, warn or error", s->name);
    return false;
}

static bool read_text(const setting *s, const char *text, kal_buf *error)
{
    if (kal_str_utf8(kal_str_of(text)))
        return true;
    kal_buf_printf(error, "%s must be valid UTF-8", s->name);
    return false;
}

static bool check(const setting *s, const char *text, int64_t *number, kal_buf *error)
{
    switch (s->kind) {
    case KIND_text:
        return read_text(s, text, error);
    case KIND_int:
        return read_int(s, text, number, error);
    case KIND_bool:
        return read_bool(s, text, number, error);
    case KIND_level:
        return read_level(s, text, error);
    }
    return false;
}

static bool set(kal_config *config, kal_str name, const char *text, const char *origin,
                kal_buf *error)
{
    int64_t number = 0;
    size_t i = find(name);
    if (i == COUNT) {
        kal_buf_printf(error, "there is no setting %.*s (%s)", (int)name.n, name.p, origin);
        return false;
    }
    if (!check(&settings[i], text, &number, error)) {
        kal_buf_printf(error, " (%s)", origin);
        return false;
    }
    value *v = &config->values[i];
    kal_free(v->text);
    kal_free(v->origin);
    *v = (value){kal_strdup(text), kal_strdup(origin), number};
    return true;
}

bool kal_config_set(kal_config *config, const char *name, const char *text, const char *origin,
                    kal_buf *error)
{
    return set(config, kal_str_of(name), text, origin, error);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static kal_str trim(kal_str text)
{
    while (text.n > 0 && is_space(text.p[0])) {
        text.p++;
        text.n--;
    }
    while (text.n > 0 && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

static bool read_line(kal_config *config, kal_str line, const char *origin, kal_buf *error)
{
    line = trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return true;
    const char *equals = memchr(line.p, '=', line.n);
    if (!equals) {
        kal_buf_printf(error, "a line must be NAME=value or a # comment (%s)", origin);
        return false;
    }
    kal_str name = trim((kal_str){line.p, (size_t)(equals - line.p)});
    kal_str rest = trim((kal_str){equals + 1, (size_t)(line.p + line.n - equals - 1)});
    char *text = kal_strndup(rest.p, rest.n);
    bool ok = set(config, name, text, origin, error);
    kal_free(text);
    return ok;
}

static bool read_file(kal_config *config, const char *path, kal_buf *error)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    bool ok = true;
    kal_buf origin = {0};
    while (ok && file && (n = getline(&line, &cap, file)) >= 0) {
        kal_buf_clear(&origin);
        kal_buf_printf(&origin, "%s:%zu", path, ++number);
        ok = read_line(config, (kal_str){line, (size_t)n}, origin.data, error);
    }
    if (ok && (!file || ferror(file))) {
        kal_buf_printf(error, "cannot read %s: %s", path, strerror(errno));
        ok = false;
    }
    free(line);
    kal_buf_deinit(&origin);
    if (file)
        fclose(file);
    return ok;
}

static bool is_reserved(kal_str name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (kal_str_is(name, reserved[i]))
            return true;
    return false;
}

/* Names without our prefix belong to anybody, so only the ones we know are ours. */
static bool read_environment(kal_config *config, kal_buf *error)
{
    for (char **at = environ; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals)
            continue;
        kal_str name = {*at, (size_t)(equals - *at)};
        bool ours = strncmp(*at, PREFIX, strlen(PREFIX)) == 0 && !is_reserved(name);
        if ((ours || find(name) < COUNT) && !set(config, name, equals + 1, "environment", error))
            return false;
    }
    return true;
}

kal_config *kal_config_load(const char *file, kal_buf *error)
{
    kal_config *config = kal_calloc(1, sizeof *config);
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT; i++)
        ok = kal_config_set(config, settings[i].name, settings[i].initial, "default", error);
    ok = ok && (!file || read_file(config, file, error)) && read_environment(config, error);
    if (ok)
        return config;
    kal_config_free(config);
    return NULL;
}

void kal_config_free(kal_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < COUNT; i++) {
        kal_free(config->values[i].text);
        kal_free(config->values[i].origin);
    }
    kal_free(config);
}

static const value *get(const kal_config *config, const char *name, kind wanted, kind or)
{
    size_t i = find(kal_str_of(name));
    if (i == COUNT || (settings[i].kind != wanted && settings[i].kind != or)) {
        fprintf(stderr, "kalcifer: there is no setting %s of this kind\n", name);
        abort();
    }
    return &config->values[i];
}

const char *kal_config_text(const kal_config *config, const char *name)
{
    return get(config, name, KIND_text, KIND_level)->text;
}

int64_t kal_config_int(const kal_config *config, const char *name)
{
    return get(config, name, KIND_int, KIND_int)->number;
}

bool kal_config_bool(const kal_config *config, const char *name)
{
    return get(config, name, KIND_bool, KIND_bool)->number != 0;
}

/* Where the password of a URL (user:password@host) begins, and its length; 0 when it has none. */
static size_t url_password(const char *text, const char **password)
{
    const char *host = strstr(text, "://");
    if (!host)
        return 0;
    host += 3;
    size_t authority = strcspn(host, "/"); /* libpq ends it there too */
    const char *at = memrchr(host, '@', authority);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (!colon)
        return 0;
    *password = colon + 1;
    return (size_t)(at - colon - 1);
}

/* The length of a value in a URL's query or in libpq's NAME=VALUE form, where it may be quoted. */
static size_t value_length(const char *text)
{
    size_t n = 1;
    if (*text != '\'')
        return strcspn(text, "& \t\r\n");
    while (text[n] && text[n] != '\'')
        n += text[n] == '\\' && text[n + 1] ? 2 : 1;
    return n + (text[n] == '\'');
}

static void put_parameters(kal_buf *out, const char *text)
{
    static const char name[] = "password";
    for (const char *found; (found = strstr(text, name)) != NULL;) {
        size_t n = strlen(name) + strspn(found + strlen(name), " \t");
        bool given = found[n] == '=';
        n += given ? 1 + strspn(found + n + 1, " \t") : 0;
        kal_buf_add(out, text, (size_t)(found - text) + n);
        text = found + n;
        if (!given)
            continue;
        kal_buf_puts(out, STARS);
        text += value_length(text);
    }
    kal_buf_puts(out, text);
}

static void put_connection(kal_buf *out, const char *text)
{
    const char *password;
    size_t n = url_password(text, &password);
    if (n > 0) {
        kal_buf_add(out, text, (size_t)(password - text));
        kal_buf_puts(out, STARS);
        text = password + n;
    }
    put_parameters(out, text);
}

static void put_value(kal_buf *out, const char *name, const char *text)
{
    if (strcmp(name, "DATABASE_URL") == 0)
        put_connection(out, text);
    else
        kal_buf_puts(out, strstr(name, "_KEY") && *text ? STARS : text);
}

typedef struct line {
    kal_str column[4]; /* name, value, origin, meaning */
    kal_buf shown;
} line;

static void print_table(const line *lines, kal_buf *out)
{
    size_t width[3] = {0};
    for (size_t i = 0; i < COUNT; i++)
        for (size_t c = 0; c < 3; c++)
            if (lines[i].column[c].n > width[c])
                width[c] = lines[i].column[c].n;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t c = 0; c < 3; c++)
            kal_buf_printf(out, "%-*s  ", (int)width[c], lines[i].column[c].p);
        kal_buf_printf(out, "%s\n", lines[i].column[3].p);
    }
}

static void print_json(const line *lines, kal_buf *out)
{
    static const char *const keys[] = {
        "{\"name\":", ",\"value\":", ",\"origin\":", ",\"meaning\":"};
    for (size_t i = 0; i < COUNT; i++) {
        kal_buf_putc(out, i == 0 ? '[' : ',');
        for (size_t c = 0; c < 4; c++) {
            kal_buf_puts(out, keys[c]);
            kal_json_write_str(out, lines[i].column[c]);
        }
        kal_buf_putc(out, '}');
    }
    kal_buf_putc(out, ']');
}

void kal_config_print(const kal_config *config, bool as_json, kal_buf *out)
{
    line lines[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        line *l = &lines[i];
        put_value(&l->shown, settings[i].name, config->values[i].text);
        l->column[0] = kal_str_of(settings[i].name);
        l->column[1] = (kal_str){l->shown.data, l->shown.len};
        l->column[2] = kal_str_of(config->values[i].origin);
        l->column[3] = kal_str_of(settings[i].meaning);
    }
    if (as_json)
        print_json(lines, out);
    else
        print_table(lines, out);
    for (size_t i = 0; i < COUNT; i++)
        kal_buf_deinit(&lines[i].shown);
}
