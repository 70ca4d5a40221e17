/* What `apply` does with a tenant: files beside what is there, and the statements between them.
 * Invariant: a plan with problems is not carried out.
 * Thread: the Lua state's owner. Blocks: never. */
#ifndef KAL_API_FILES_PLAN_H
#define KAL_API_FILES_PLAN_H

#include "api/files/item.h"
#include "lua/host/host.h"

typedef enum kal_plan_action {
    KAL_PLAN_UNCHANGED,
    KAL_PLAN_CREATE,
    KAL_PLAN_UPDATE
} kal_plan_action;

typedef struct kal_plan_row {
    kal_plan_action action;
    const kal_item *wanted, *there; /* there NULL: created */
    json_t *changed;                /* the names of the fields that differ */
    json_t *body;                   /* of the API's statements: ids where names stood */
    int64_t version;                /* the draft version that it makes, 0: none */
    size_t guard;                   /* the statement that must touch a row, 0: none */
} kal_plan_row;

typedef struct kal_plan {
    kal_plan_row *rows; /* one an item of the files, kind by kind */
    size_t n;
    json_t *problems; /* [{"file", "problem"}] */
} kal_plan;

/* Compares; what is new gets its id. Sorts `wanted`, and both must outlive the plan. Takes the
 * problems over. */
kal_plan *kal_plan_new(kal_items *wanted, const kal_items *there, json_t *problems, kal_lua *lua,
                       int64_t now_ms);
void kal_plan_free(kal_plan *plan);
/* How many rows have this action. */
size_t kal_plan_count(const kal_plan *plan, kal_plan_action action);
/* The call, for row level security, that carries the plan out; NULL when there is nothing to do. */
kal_pg_call *kal_plan_call(kal_plan *plan, kal_uuid tenant, int64_t now_ms);
/* The plan for people, a line a row, and for machines. */
void kal_plan_text(const kal_plan *plan, bool dry_run, kal_buf *out);
json_t *kal_plan_json(const kal_plan *plan, bool dry_run);

#endif
