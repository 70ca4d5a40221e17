/* The command line: options, exit status, output for people and machines.
 * Invariant: exit status 0 done, 1 failed, 2 misused.
 * Thread: main. Blocks: yes. */
#ifndef KAL_API_CLI_H
#define KAL_API_CLI_H

#include "base/buf.h"
#include "base/config.h"
#include "base/json.h"

#include <stdbool.h>

#define KAL_EXIT_OK 0
#define KAL_EXIT_FAILED 1
#define KAL_EXIT_MISUSED 2

typedef struct kal_cli {
    const char *version;
    const char *name; /* of `create NAME`, or --name */
    const char *data, *listen, *threads, *virtual_clock, *user, *file, *tenant, *role;
    bool json, help;
    kal_config *config;
} kal_cli;

/* The whole program. */
int kal_cli_main(int argc, char **argv, const char *version);

/* Commands, in cli_*.c. */
int kal_cli_serve(kal_cli *cli);
int kal_cli_migrate(kal_cli *cli);
int kal_cli_tenant_create(kal_cli *cli);
int kal_cli_key_create(kal_cli *cli);
int kal_cli_config(kal_cli *cli);
int kal_cli_doctor(kal_cli *cli);
int kal_cli_version(kal_cli *cli);

/* Tells why a command failed, on standard error (with --json as {"error"} on standard output);
 * answers KAL_EXIT_FAILED. */
int kal_cli_fail(const kal_cli *cli, const char *why);
/* Prints a result: the JSON with --json (takes the reference over), else the text. */
int kal_cli_print(const kal_cli *cli, const char *text, json_t *json);

#endif
