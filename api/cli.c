#include "api/cli.h"

#include "base/alloc.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
    const char *name, *value, *meaning; /* value NULL: a flag */
    size_t field;
} option;

#define TEXT(name, value, field, meaning)                                                          \
    {                                                                                              \
        name, value, meaning, offsetof(kal_cli, field)                                             \
    }

static const option options[] = {
    TEXT("--data", "DIR", data, "data directory (KALCIFER_DATA_DIR)"),
    TEXT("--listen", "HOST:PORT", listen, "address to listen on (HOST, PORT)"),
    TEXT("--threads", "N", threads, "engine threads (THREADS)"),
    TEXT("--virtual-clock", "ISO", virtual_clock,
         "journey time stands at this instant until moved"),
    TEXT("--user", "NAME", user, "run as this user when started by root"),
    TEXT("--config", "FILE", file, "settings, a NAME=value a line"),
    TEXT("--tenant", "NAME", tenant, "the tenant, by name or id"),
    TEXT("--role", "ROLE", role, "viewer, editor or admin"),
    TEXT("--name", "NAME", name, "a name for people"),
    TEXT("--dir", "DIR", dir, "the folder of plugins, else plugins/ beside lua/ (KALCIFER_HOME)"),
    {"--dry-run", NULL, "show what would be done, do nothing", offsetof(kal_cli, dry_run)},
    {"--json", NULL, "answer in JSON", offsetof(kal_cli, json)},
    {"--help", NULL, "this text", offsetof(kal_cli, help)},
};

typedef struct command {
    const char *words, *summary;
    const char *takes;      /* options besides --config, --json and --help */
    const char *positional; /* NULL: none; in brackets: may be left out */
    int (*run)(kal_cli *cli);
} command;

static const command commands[] = {
    {"serve", "run the server", "--data --listen --threads --virtual-clock --user", NULL,
     kal_cli_serve},
    {"migrate", "bring the database up to date", "--data", NULL, kal_cli_migrate},
    {"tenant create", "make a tenant and its first key", "--data", "NAME", kal_cli_tenant_create},
    {"key create", "make an API key for a tenant", "--data --tenant --role --name", NULL,
     kal_cli_key_create},
    {"export", "write a tenant's segments, flows and journeys to files", "--data --tenant", "[DIR]",
     kal_cli_export},
    {"apply", "bring a tenant's segments, flows and journeys to what files say",
     "--data --tenant --dry-run", "DIR", kal_cli_apply},
    {"audit verify", "check that nobody has changed the audit log", "--data --tenant", NULL,
     kal_cli_audit_verify},
    {"node list", "show the node types, plugins' too", "", NULL, kal_cli_node_list},
    {"node new", "write a plugin with a node type and its spec to begin with", "--dir", "NAME",
     kal_cli_node_new},
    {"node test", "run plugins' specs (NAME_spec.lua): one, a folder's, or all", "--dir", "[FILE]",
     kal_cli_node_test},
    {"config", "show the settings in force and where they came from", "--data --listen --threads",
     NULL, kal_cli_config},
    {"doctor", "check what the server needs", "--data --listen", NULL, kal_cli_doctor},
    {"version", "show the version", "", NULL, kal_cli_version},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

int kal_cli_fail(const kal_cli *cli, const char *why)
{
    if (cli->json)
        return kal_cli_print(cli, NULL, json_pack("{s:s}", "error", why)), KAL_EXIT_FAILED;
    fprintf(stderr, "kalcifer: %s\n", why);
    return KAL_EXIT_FAILED;
}

int kal_cli_print(const kal_cli *cli, const char *text, json_t *json)
{
    kal_buf out = {0};

    if (cli->json)
        kal_json_write(&out, json);
    else
        kal_buf_puts(&out, text);
    kal_buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    kal_buf_deinit(&out);
    json_decref(json);
    return fflush(stdout) == 0 ? KAL_EXIT_OK : KAL_EXIT_FAILED;
}

/* "--data" is in "--data --listen". */
static bool takes(const command *c, const char *name)
{
    size_t n = strlen(name);

    if (strcmp(name, "--config") == 0 || strcmp(name, "--json") == 0 || strcmp(name, "--help") == 0)
        return true;
    for (const char *at = c->takes; (at = strstr(at, name)); at += n)
        if (at[n] == ' ' || at[n] == '\0')
            return true;
    return false;
}

static void usage_all(FILE *to)
{
    fprintf(to, "usage: kalcifer COMMAND [options]\n\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(to, "  %-14s %s\n", commands[i].words, commands[i].summary);
    fprintf(to, "\nkalcifer COMMAND --help tells more. Settings come from the environment too:\n"
                "kalcifer config shows them all.\n");
}

static void usage(const command *c, FILE *to)
{
    fprintf(to, "usage: kalcifer %s%s%s [options]\n\n%s\n\n", c->words, c->positional ? " " : "",
            c->positional ? c->positional : "", c->summary);
    for (size_t i = 0; i < COUNT(options); i++) {
        char left[64];
        if (!takes(c, options[i].name))
            continue;
        snprintf(left, sizeof(left), "%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        fprintf(to, "  %-24s %s\n", left, options[i].meaning);
    }
}

/* The command whose words the arguments begin with; *at moves behind them. */
static const command *find(int argc, char **argv, int *at)
{
    char two[64];

    if (argc < 2)
        return NULL;
    snprintf(two, sizeof(two), "%s %s", argv[1], argc > 2 ? argv[2] : "");
    for (size_t i = 0; i < COUNT(commands); i++) {
        bool is_two = strchr(commands[i].words, ' ') != NULL;
        if (strcmp(commands[i].words, is_two ? two : argv[1]) == 0) {
            *at = is_two ? 3 : 2;
            return &commands[i];
        }
    }
    return NULL;
}

static int misused(const command *c, const char *what, const char *which)
{
    fprintf(stderr, "kalcifer: %s%s%s\n", what, *which ? " " : "", which);
    if (c)
        fprintf(stderr, "kalcifer %s --help tells more\n", c->words);
    return KAL_EXIT_MISUSED;
}

static const option *find_option(const command *c, const char *arg, size_t *len)
{
    *len = strcspn(arg, "=");
    for (size_t i = 0; i < COUNT(options); i++)
        if (strlen(options[i].name) == *len && strncmp(options[i].name, arg, *len) == 0)
            return takes(c, options[i].name) ? &options[i] : NULL;
    return NULL;
}

static int parse(kal_cli *cli, const command *c, int argc, char **argv, int at)
{
    bool positional = false;
    size_t len;

    for (; at < argc; at++) {
        if (argv[at][0] != '-') {
            if (!c->positional || positional)
                return misused(c, "what is this:", argv[at]);
            cli->name = argv[at];
            positional = true;
            continue;
        }
        const option *o = find_option(c, strcmp(argv[at], "-h") == 0 ? "--help" : argv[at], &len);
        if (!o)
            return misused(c, "unknown option", argv[at]);
        char *field = (char *)cli + o->field;
        if (!o->value) {
            *(bool *)field = true;
            continue;
        }
        const char *value = argv[at][len] == '=' ? argv[at] + len + 1 : NULL;
        if (!value && ++at < argc)
            value = argv[at];
        if (!value || !*value)
            return misused(c, "a value is missing for", o->name);
        *(const char **)(void *)field = value;
    }
    if (c->positional && *c->positional != '[' && !positional && !cli->help)
        return misused(c, "missing:", c->positional);
    return KAL_EXIT_OK;
}

static bool set(kal_cli *cli, const char *name, const char *value, const char *origin,
                kal_buf *error)
{
    return !value || kal_config_set(cli->config, name, value, origin, error);
}

/* Splits HOST:PORT, [HOST]:PORT or PORT. */
static bool set_listen(kal_cli *cli, kal_buf *error)
{
    char host[256];
    const char *text = cli->listen, *colon = text ? strrchr(text, ':') : NULL;

    if (!text)
        return true;
    if (colon) {
        const char *begin = *text == '[' ? text + 1 : text;
        const char *end = colon > begin && colon[-1] == ']' ? colon - 1 : colon;
        snprintf(host, sizeof(host), "%.*s", (int)(end - begin), begin);
        if (!set(cli, "HOST", host, "--listen", error))
            return false;
    }
    return set(cli, "PORT", colon ? colon + 1 : text, "--listen", error);
}

static bool load_config(kal_cli *cli, kal_buf *error)
{
    cli->config = kal_config_load(cli->file, error);
    return cli->config && set(cli, "KALCIFER_DATA_DIR", cli->data, "--data", error) &&
           set(cli, "THREADS", cli->threads, "--threads", error) && set_listen(cli, error);
}

int kal_cli_main(int argc, char **argv, const char *version)
{
    kal_cli cli = {.version = version};
    kal_buf error = {0};
    int at, status;

    const command *c = find(argc, argv, &at);
    if (!c) {
        bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                                 strcmp(argv[1], "help") == 0);
        usage_all(help ? stdout : stderr);
        return help ? KAL_EXIT_OK : KAL_EXIT_MISUSED;
    }
    status = parse(&cli, c, argc, argv, at);
    if (status != KAL_EXIT_OK)
        return status;
    if (cli.help) {
        usage(c, stdout);
        return KAL_EXIT_OK;
    }
    status = load_config(&cli, &error) ? c->run(&cli) : kal_cli_fail(&cli, error.data);
    kal_plugins_free(cli.plugins);
    kal_config_free(cli.config);
    kal_buf_deinit(&error);
    return status;
}

int kal_cli_version(kal_cli *cli)
{
    return kal_cli_print(cli, cli->version,
                         json_pack("{s:s, s:s}", "name", "kalcifer", "version", cli->version));
}

int kal_cli_config(kal_cli *cli)
{
    kal_buf out = {0};

    kal_config_print(cli->config, cli->json, &out);
    if (out.len && out.data[out.len - 1] != '\n')
        kal_buf_putc(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    kal_buf_deinit(&out);
    return KAL_EXIT_OK;
}
