/* The command line: options, exit status, output for people and machines.
 * Invariant: exit status 0 done, 1 failed, 2 misused.
 * Thread: main. Blocks: yes. */
#ifndef KAL_API_CLI_H
#define KAL_API_CLI_H

#include "api/database.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/json.h"
#include "base/uuid.h"
#include "lua/host/host.h"

#include <stdbool.h>

#define KAL_EXIT_OK 0
#define KAL_EXIT_FAILED 1
#define KAL_EXIT_MISUSED 2

typedef struct kal_cli {
    const char *version;
    const char *name; /* of `create NAME`, or --name, or a folder; NULL: none was given */
    const char *data, *listen, *threads, *virtual_clock, *user, *file, *tenant, *role, *dir;
    bool json, help, dry_run;
    kal_config *config;
    kal_plugins *plugins; /* of kal_cli_lua's states; NULL: none yet */
} kal_cli;

/* The whole program. */
int kal_cli_main(int argc, char **argv, const char *version);

/* Commands, in cli_*.c. */
int kal_cli_serve(kal_cli *cli);
int kal_cli_migrate(kal_cli *cli);
int kal_cli_tenant_create(kal_cli *cli);
int kal_cli_key_create(kal_cli *cli);
int kal_cli_export(kal_cli *cli);
int kal_cli_apply(kal_cli *cli);
int kal_cli_audit_verify(kal_cli *cli);
int kal_cli_node_list(kal_cli *cli);
int kal_cli_node_new(kal_cli *cli);
int kal_cli_node_test(kal_cli *cli);
int kal_cli_config(kal_cli *cli);
int kal_cli_doctor(kal_cli *cli);
int kal_cli_version(kal_cli *cli);

/* Opens the database and brings it up to date; false when it has told why not. */
bool kal_cli_open(kal_cli *cli, kal_database *database, int *applied);
/* Journey time: the virtual clock's, when the deployment has one. */
int64_t kal_cli_now(const char *conninfo);
/* The id of the tenant that --tenant names; without it, of the only one. KAL_EXIT_OK, or another
 * status when it has told why not. */
int kal_cli_tenant(kal_cli *cli, const char *conninfo, kal_uuid *id);
/* A Lua state over the program's home; NULL when it has told why not. The caller frees it. */
kal_lua *kal_cli_lua(kal_cli *cli);
/* Tells why a command failed, on standard error (with --json as {"error"} on standard output);
 * answers KAL_EXIT_FAILED. */
int kal_cli_fail(const kal_cli *cli, const char *why);
/* Prints a result: the JSON with --json (takes the reference over), else the text. */
int kal_cli_print(const kal_cli *cli, const char *text, json_t *json);

#endif
