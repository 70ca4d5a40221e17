/* A shard's view of the flow tables: tenants' flows, the versions that walk, and places (a node of
 * a version), which waits in the index refer to by number. A tenant's flows are loaded when it
 * first does something and again when they change; versions are immutable and loaded once, when
 * first needed. Invariant: pointers to flows, versions and places stay valid as long as the
 * kal_flows. Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_FLOWS_H
#define KAL_RUN_FLOWS_H

#include "base/json.h"
#include "base/map.h"
#include "base/uuid.h"
#include "flow/graph.h"
#include "run/timers.h"
#include "store/pg.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum kal_flow_status {
    KAL_FLOW_UNKNOWN, /* its tenant is not loaded yet, or it was deleted */
    KAL_FLOW_DRAFT,
    KAL_FLOW_ACTIVE,
    KAL_FLOW_PAUSED,
    KAL_FLOW_ARCHIVED
} kal_flow_status;

#define KAL_BACKLOG_ROWS 2000 /* of a flow's backlog that are queued at a time */

typedef struct kal_flow kal_flow;
typedef struct kal_tenant kal_tenant;

typedef struct kal_version {
    struct kal_version *next; /* of its flow */
    kal_flow *flow;
    int32_t number;
    kal_graph *graph;    /* NULL until loaded */
    int64_t lookback_ms; /* the greatest of its nodes */
    bool broken;         /* its graph does not compile any more (a plugin is gone) */
} kal_version;

struct kal_flow {
    kal_uuid id;
    kal_tenant *tenant;
    kal_flow *next; /* of its tenant */
    kal_flow_status status;
    int32_t active_version; /* 0: none */
    int64_t paused_ms;      /* pauses that have ended */
    int64_t paused_at_ms;   /* when the one under way began */
    json_t *entry_config, *exit_criteria, *frequency_cap;
    kal_caps caps; /* of frequency_cap */
    kal_version *versions;
    kal_timer *parked; /* timers that came up while it was paused */
    size_t n_parked;
    size_t backlog; /* held events, or archived instances, that its last load has found */
};

/* An event_entry of an active version. */
typedef struct kal_entry {
    struct kal_entry *next;
    kal_version *version;
    uint32_t node;
} kal_entry;

struct kal_tenant {
    kal_uuid id;
    bool loaded;
    kal_flow *flows;
    kal_strmap entries; /* event type -> list of kal_entry */
    bool unfinished;    /* a flow has more of a backlog than is queued */
    kal_tenant *next_unfinished;
};

typedef struct kal_place {
    kal_version *version;
    char *node_id;
    uint32_t node; /* KAL_GRAPH_NONE until the version is loaded, and when it has no such node */
} kal_place;

typedef struct kal_flows kal_flows;

/* The Lua state is borrowed and outlives this. */
kal_flows *kal_flows_new(kal_lua *lua);
void kal_flows_free(kal_flows *flows);

/* The tenant, flow or version of an id, made when new (and not loaded then). */
kal_tenant *kal_flows_tenant(kal_flows *flows, kal_uuid tenant);
kal_version *kal_flows_version(kal_flows *flows, kal_uuid tenant, kal_uuid flow, int32_t number);
/* NULL when the flow is not known. */
kal_flow *kal_flows_find(const kal_flows *flows, kal_uuid flow);
/* The active version of an active flow, NULL when it has none. */
kal_version *kal_flow_active(const kal_flow *flow);
/* By how much its pauses shift relative timers at an instant, the one under way counted in. */
int64_t kal_flow_shift(const kal_flow *flow, int64_t now_ms);
/* Its events and timers are kept for later: it is paused, or what was held then is still coming. */
bool kal_flow_holds(const kal_flow *flow);
/* Likewise for a version's: its flow holds, or a plugin of it is gone and may come back. */
bool kal_version_holds(const kal_version *version);
/* The exit criteria that hold for a loaded version: the graph's (i = 0) and the flow's (i = 1),
 * each NULL when there is none. */
const json_t *kal_version_exit_criteria(const kal_version *version, int i);
/* The caps that its nodes and its flow ask about, of a loaded version: the graph's (i = 0) and the
 * flow's (i = 1). Those with a max are the flow's own. */
const kal_caps *kal_version_caps(const kal_version *version, int i);
/* An event of this type could end an instance of the (loaded) version by its exit criteria. */
bool kal_version_watches(const kal_version *version, kal_str event_type);
/* Likewise, or a node waits for it: while the version holds, an instance keeps such events, since
 * those before them may take it there. Of a broken version nobody knows, so any may be one. */
bool kal_version_names(const kal_version *version, kal_str event_type);
/* The number of a place, made when new. */
uint32_t kal_flows_place(kal_flows *flows, kal_version *version, kal_str node_id);
/* The place of a number. Borrowed until the next new place. */
const kal_place *kal_flows_at(const kal_flows *flows, uint32_t place);

/* Other plugins are in force: broken versions are given another try, and their tenants told.
 * Between turns. */
void kal_flows_mend(kal_flows *flows, void (*mended)(void *data, kal_uuid tenant), void *data);

/* Appends the query for tenants' flows (LOAD_FLOWS; ids as values) and takes its rows in: flows
 * that are gone become unknown, entries are built anew, the tenants are loaded. */
void kal_flows_query(const kal_flows *flows, kal_pg_call *call, const kal_value *tenants, size_t n);
void kal_flows_take(kal_flows *flows, const kal_uuid *tenants, size_t n, const kal_pg_rows *rows);
/* Likewise for their segments (LOAD_SEGMENTS), which nodes ask about. */
void kal_flows_query_segments(kal_pg_call *call, const kal_value *tenants, size_t n);
void kal_flows_take_segments(kal_flows *flows, const kal_uuid *tenants, size_t n,
                             const kal_pg_rows *rows);
/* Likewise for versions (LOAD_VERSIONS). */
void kal_flows_query_versions(const kal_flows *flows, kal_pg_call *call,
                              kal_version *const *versions, size_t n);
void kal_flows_take_versions(kal_flows *flows, kal_version *const *versions, size_t n,
                             const kal_pg_rows *rows);

#endif
