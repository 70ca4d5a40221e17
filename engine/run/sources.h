/* What lets customers enter by itself: segment_entry and scheduled_entry nodes of active flows, and
 * when each is to be looked at again. A segment's is due in the minute after something changed that
 * may move its members, so an idle tenant asks nothing: those customers alone are looked at, or all
 * when a list or a definition may have changed; one whose expression reads the time is due each
 * minute. A schedule's is due at its instants; of those that were missed the first counts, and the
 * next one comes after now.
 * Invariant: there is one source an active flow and entry. Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_SOURCES_H
#define KAL_RUN_SOURCES_H

#include "base/cron.h"
#include "run/flows.h"

typedef struct kal_source {
    struct kal_source *next; /* of its tenant */
    uint64_t serial;         /* its own since it was begun: one that comes back is another */
    kal_flow *flow;
    char *entry; /* its key in the table enrolment: "segment:<id>", "schedule:<node id>" */
    kal_uuid segment;
    bool scheduled;
    kal_cron cron;
    kal_str zone;
    const json_t *config; /* of the node it was made from */
    int64_t due_ms;       /* KAL_CRON_NEVER: when something changes */
    int64_t instant_ms;   /* of a schedule, the one that is due */
    int64_t swept_ms;     /* up to when it has enrolled; KAL_SOURCE_NEW: not once */
    bool timed;           /* the segment's members change with the time alone */
    bool all;             /* the next sweep must look at everybody, not at those changed alone */
    kal_uuid *changed;    /* customers changed since its last sweep began */
    size_t n_changed;
    bool kept;
} kal_source;

#define KAL_SOURCE_NEW INT64_MIN

/* Whether a node lets customers enter by this entry. */
bool kal_source_is(const kal_graph_node *node, kal_str entry);

typedef struct kal_sources kal_sources;

kal_sources *kal_sources_new(void);
void kal_sources_free(kal_sources *sources);
/* A tenant's flows have been loaded (kal_flows_take): takes in what their active versions say, what
 * load_sources.sql and load_segments.sql have read. Sources that were there keep their state. */
void kal_sources_take(kal_sources *sources, kal_tenant *tenant, const kal_pg_rows *rows,
                      const kal_pg_rows *segments, int64_t now_ms);
/* A customer of the tenant has changed. */
void kal_sources_touch(kal_sources *sources, kal_uuid tenant, kal_uuid customer, int64_t now_ms);
/* When the earliest is due, KAL_CRON_NEVER when none is. */
int64_t kal_sources_due(const kal_sources *sources);
/* The earliest one of the tenants but these n, or NULL. */
kal_source *kal_sources_earliest(const kal_sources *sources, const kal_uuid *but, size_t n);
/* The source of a flow's entry, or NULL. */
kal_source *kal_sources_find(const kal_sources *sources, kal_uuid tenant, kal_uuid flow,
                             kal_str entry);
/* Its sweep begins: what changes from here on is for the next one. Answers whom to look at, *n of
 * them, which the caller frees; NULL: everybody. */
kal_uuid *kal_sources_began(kal_source *source, size_t *n);
/* Its sweep has ended at now_ms: all who were to enter have. Answers the time up to when. */
int64_t kal_sources_ended(kal_sources *sources, kal_source *source, int64_t now_ms);
/* It could not be told who enters: tries again in the next minute. */
void kal_sources_put_off(kal_sources *sources, kal_source *source, int64_t now_ms);

#endif
