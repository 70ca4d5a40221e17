/* A batch: works taken together from the run queue, with copies of all that they touch. Works
 * change the copies; what changed leaves in one flush; after its commit the changes reach the
 * shard's indexes. A failed flush drops the copies: nothing in memory is ahead of the database.
 * Invariant: a customer, and each of their instances, is in a batch once.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_BATCH_H
#define KAL_RUN_BATCH_H

#include "base/alloc.h"
#include "base/map.h"
#include "base/uuid.h"
#include "effect/held.h"
#include "run/flows.h"
#include "run/quota.h"
#include "run/waits.h"
#include "run/work.h"
#include "store/journal.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_NEVER INT64_MAX /* no due time */
#define KAL_UNSET INT64_MIN /* no time at all: SQL's null */

typedef struct kal_customer kal_customer;
typedef struct kal_instance kal_instance;
typedef struct kal_batch kal_batch;
typedef struct kal_found kal_found;       /* see sends.c */
typedef struct kal_sends kal_sends;       /* likewise */
typedef struct kal_followup kal_followup; /* see sub_flow.c */

/* In the order of the state machine; the texts of the API are in kal_status_text. */
typedef enum kal_status {
    KAL_STATUS_RUNNING,
    KAL_STATUS_WAITING,
    KAL_STATUS_PAUSED,
    KAL_STATUS_COMPLETED,
    KAL_STATUS_FAILED,
    KAL_STATUS_EXITED
} kal_status;

/* A token at rest: at a node that waits, or (yielded) before one that is still to run. */
typedef struct kal_wait {
    struct kal_wait *next;
    uint32_t seq, node;
    int64_t due_ms; /* KAL_NEVER; relative timers: less the flow's pauses that had ended by then */
    int64_t began_ms;
    bool absolute, yielded;
    bool frozen; /* its instance is paused: a relative timer's due_ms is what remains of it */
    bool added, dropped; /* in this batch */
    json_t *state;
    json_t *event; /* it had come for the wait when a failure ended the walk; borrowed */
    json_t *code;  /* of this batch: what a cell is to run for it (an effect); borrowed */
} kal_wait;

/* A token on its way to a node. */
typedef struct kal_token {
    struct kal_token *next;
    uint32_t node;
    bool joined;         /* a join that fires */
    kal_wait *wait;      /* it comes from this wait, NULL: it arrives by an edge */
    const char *trigger; /* "event", "timeout", "answer", or NULL */
    json_t *event;       /* borrowed from the batch */
    json_t *answer;      /* likewise; what its wait was for */
} kal_token;

/* Who waits for an instance's end. */
typedef struct kal_parent {
    kal_uuid instance, flow;
    uint32_t seq; /* the wait; 0: nobody */
} kal_parent;

/* What a node's effects leave for the wait that it begins. */
typedef struct kal_told {
    json_t *answer; /* what it is for has come at once */
    json_t *code;   /* see kal_wait */
} kal_told;

typedef enum kal_join_state { KAL_JOIN_EMPTY, KAL_JOIN_ARRIVED, KAL_JOIN_FIRED } kal_join_state;

struct kal_instance {
    kal_instance *next; /* of its customer */
    kal_customer *customer;
    kal_version *version;
    kal_uuid id;
    kal_status status;
    int32_t row_version; /* as loaded; 0: started in this batch */
    kal_str context, accumulated;
    kal_lua_ref lua; /* its context in Lua while the batch walks */
    uint32_t stamp;  /* the customer's, as that context shows them */
    uint32_t executed, next_seq;
    size_t grown;   /* bytes that results of this batch have added */
    uint8_t *joins; /* kal_join_state by node; NULL: all empty */
    kal_uuid *seen; /* events it has consumed, kept when its version looks back */
    size_t n_seen;
    kal_wait *waits, **waits_last; /* NULL: none yet */
    int64_t ended_ms;
    kal_str exit_reason;
    json_t *lost;  /* of a failed one: what retry takes up again (lost.h), kept by the batch */
    bool switched; /* it was paused, resumed or retried in this batch */
    bool tied;     /* what is held for it is to wait for a retry */
    bool replays;  /* it was resumed: what was held for it comes before what comes now */
    kal_parent parent;
    uint32_t depth; /* of flows that started one another, above it */
    bool begins;    /* its first walk is still to come */
    bool dirty;
    bool counted; /* the database has it as a live one */
};

/* A row of the customer's recent events, for lookback. */
typedef struct kal_recent {
    struct kal_recent *next; /* newest last */
    kal_uuid id;
    int64_t received_ms;
    json_t *event; /* {id, event_type, data, occurred_at} */
} kal_recent;

/* The answer that an event id got first. */
typedef struct kal_known {
    struct kal_known *next;
    kal_str event_id;
    int32_t routed, started, held;
    kal_uuid instance_id; /* that an entry webhook started, or nil */
} kal_known;

/* When a customer's last instance of a flow ended (KAL_NEVER: it is live). */
typedef struct kal_last {
    struct kal_last *next;
    kal_flow *flow;
    int64_t ended_ms;
} kal_last;

struct kal_customer {
    kal_customer *next;
    uint64_t key;
    kal_uuid tenant;
    kal_str external_id; /* p NULL until known: timers know the key only */
    kal_unit *unit;

    bool want_row;

    bool exists, created, dirty; /* the row */
    bool gone, erased;           /* in this batch: works behind it come in the next */
    uint32_t stamp;              /* counts its changes, so that contexts see them */
    kal_uuid id;
    kal_str email, phone, name, timezone;
    json_t *properties, *tags, *preferences;
    json_t *segments; /* ids of static ones, of those asked about; NULL: none */
    int64_t created_ms, seen_ms;

    kal_instance *instances;
    kal_recent *recent, **recent_last;
    kal_known *known;
    kal_last *lasts;
    kal_found *found;               /* messages, counted for caps */
    kal_sends *sends;               /* messages of this batch */
    kal_followup *followups;        /* walks to come, before the next work */
    uint32_t spent, walked;         /* nodes: of those walks so far; of the last walk */
    kal_work *works, **works_last;  /* in order; linked by next */
    uint32_t took[KAL_QUOTA_KINDS]; /* of the tenant's quotas, if it has any, in this batch */
};

/* A delivery that begins with this batch's commit. */
typedef struct kal_sent {
    struct kal_sent *next;
    kal_customer *customer;
    kal_flow *flow;
    kal_uuid id;
    json_t *json; /* what a provider gets */
    kal_str provider;
    kal_held awaited_by; /* seq 0: nobody */
} kal_sent;

/* What is held in the database with this batch's commit, and is to be taken in then: an answer, or
 * an event that was emitted. */
typedef struct kal_answer {
    struct kal_answer *next;
    kal_customer *customer;
    kal_held held;
    json_t *body;
} kal_answer;

/* Node executions of one type. */
typedef struct kal_ran {
    struct kal_ran *next;
    kal_str type; /* borrowed from a version's graph */
    uint64_t count;
} kal_ran;

/* A timer that came up too early: its flow is paused, or was. */
typedef struct kal_putoff {
    struct kal_putoff *next;
    kal_flow *flow; /* park it here until the flow resumes; NULL: put it back */
    kal_timer timer;
} kal_putoff;

struct kal_batch {
    kal_lua *lua;
    kal_flows *flows;
    const kal_waits *waits; /* the committed index */
    kal_quotas *quotas;     /* NULL: none */
    int shard;
    int64_t now_ms; /* journey time of all that happens in it */
    kal_flush *flush;
    kal_arena *arena; /* the flush's */
    kal_customer *customers, **customers_last;
    kal_u64map by_key;
    size_t works, bursts;
    kal_sent *sent, **sent_last;         /* in the order of the walks */
    kal_answer *answers, **answers_last; /* in the order of the walks */
    struct kal_putoff *putoff; /* timers that come up again later, whatever becomes of the flush */
    json_t *garbage;           /* array: values that live as long as the batch */
    struct {
        uint64_t events, starts, completions, failures, exits, nodes;
        kal_ran *ran; /* the nodes by type */
    } counts;
};

kal_batch *kal_batch_new(kal_lua *lua, kal_flows *flows, const kal_waits *waits, int shard,
                         int64_t now_ms);
/* Frees it with its flush; works that are still in it are freed too. */
void kal_batch_free(kal_batch *batch);

/* Puts a work into the batch, at the end of its customer's. False when another customer with the
 * same key is in it: the work must come in another batch. */
bool kal_batch_add(kal_batch *batch, kal_work *work);
/* The customer of a key, or NULL. */
kal_customer *kal_batch_find(const kal_batch *batch, uint64_t key);
/* The instance's copy, or NULL. */
kal_instance *kal_customer_instance(const kal_customer *customer, kal_uuid id);
/* A new, empty instance of the customer. */
kal_instance *kal_customer_add_instance(kal_batch *batch, kal_customer *customer, kal_uuid id,
                                        kal_version *version);
/* Keeps a JSON value (a new reference is taken over) as long as the batch and answers it. */
json_t *kal_batch_keep(kal_batch *batch, json_t *value);
/* Writes a row of `held_event` (the body is taken over) and hands it over after the commit. */
void kal_batch_hold(kal_batch *batch, kal_customer *customer, const kal_held *held, json_t *body);
/* Copies text into the batch's arena. */
kal_str kal_batch_text(kal_batch *batch, kal_str text);
/* The same for what a buffer holds (p is never NULL); the buffer is freed. */
kal_str kal_batch_take(kal_batch *batch, kal_buf *text);
/* A value's text there; NULL stands for an empty object. */
kal_str kal_batch_json(kal_batch *batch, const json_t *value);
bool kal_status_is_live(kal_status status);
const char *kal_status_text(kal_status status);
bool kal_status_parse(kal_str text, kal_status *out);

/* Takes one of the quota of the customer's tenant, if it has any; false when that is used up, for
 * which the work (NULL: none) is refused. */
bool kal_customer_take(const kal_batch *batch, kal_customer *customer, kal_quota_kind kind,
                       kal_work *work);
/* The fate of what the customer took: committed (instances that have ended leave the count), or
 * given back. */
void kal_customer_settle(const kal_batch *batch, kal_customer *customer, bool committed);

/* Counts an execution of a node of this type. */
void kal_batch_ran(kal_batch *batch, kal_str type);

/* The instance has consumed this event. */
bool kal_instance_has_seen(const kal_instance *instance, kal_uuid event_id);
/* Remembers that it has (the last 100), when its version looks back. */
void kal_instance_see(kal_batch *batch, kal_instance *instance, kal_uuid event_id);

/* A new wait of an instance. */
kal_wait *kal_instance_add_wait(kal_batch *batch, kal_instance *instance, uint32_t node);
/* The instance's live wait of this number, or NULL. */
kal_wait *kal_instance_wait(const kal_instance *instance, uint32_t seq);
/* What is held for it is not asked for again until an operator resumes it, or retries it. */
bool kal_instance_keeps(const kal_instance *instance);
/* Its events are kept for later: it is paused, or was until now, or its version holds. */
bool kal_instance_holds(const kal_instance *instance);
/* The first of the waits where its walk has yielded, or NULL. */
kal_wait *kal_instance_yielded(const kal_instance *instance);

#endif
