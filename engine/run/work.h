/* A piece of work for the shard that owns a customer, and its answer.
 * Invariant: a submitted work comes back to the submitter's thread exactly once, through `done`,
 * after its effects are committed or refused.
 * Thread: the submitter's until kal_engine_submit and again from `done` on. Blocks: never. */
#ifndef KAL_RUN_WORK_H
#define KAL_RUN_WORK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum kal_work_kind {
    /* event_type, event_id?, body = data, occurred_ms? → routed, started, held; one that a node has
     * emitted: held_id, depth */
    KAL_WORK_EVENT,
    KAL_WORK_TRIGGER,  /* flow_id, body = context → instance_id */
    KAL_WORK_CUSTOMER, /* op, body = fields → answer = the customer's JSON */
    /* Of an instance (instance_id, the customer as read from its row) → answer empty. */
    KAL_WORK_CANCEL,
    KAL_WORK_EXIT, /* reason = exit_reason; the shard makes it too, when a flow is archived */
    KAL_WORK_PAUSE,
    KAL_WORK_RESUME,
    KAL_WORK_RETRY,   /* flow_id, version */
    KAL_WORK_WEBHOOK, /* flow_id, event_type, event_id?, body = data → started, instance_id */
    /* The rest is made by the shard itself. */
    KAL_WORK_TIMER,  /* instance_id, seq; body = what a cell has answered to the wait */
    KAL_WORK_REPLAY, /* instance_id, held_id, body = the held event */
    KAL_WORK_FAIL,   /* instance_id, reason: the server refused what its burst would write */
    KAL_WORK_ENROL,  /* flow_id, entry, due_ms = the instant (INT64_MIN: none), passes */
    KAL_WORK_LEAVE   /* flow_id, entry */
} kal_work_kind;

typedef enum kal_customer_op {
    KAL_CUSTOMER_CREATE,      /* validation_failed when the external id is taken */
    KAL_CUSTOMER_UPSERT,      /* creates, or sets the fields that are there */
    KAL_CUSTOMER_UPDATE,      /* not_found when it is not there; sets the fields that are there */
    KAL_CUSTOMER_TAG,         /* body = array of tags to add */
    KAL_CUSTOMER_UNTAG,       /* body = array of tags to remove */
    KAL_CUSTOMER_PREFERENCES, /* body = object, merged shallowly */
    KAL_CUSTOMER_DELETE,      /* in_use while an instance of theirs is live */
    KAL_CUSTOMER_ERASE        /* live instances exit, and nothing says any more who they were */
} kal_customer_op;

typedef struct kal_work kal_work;

struct kal_work {
    kal_work *next; /* list links: whoever holds the work */
    kal_work_kind kind;
    kal_customer_op op;
    kal_uuid tenant;
    char *customer_id;     /* external id, owned; NULL for the shard's own kinds */
    uint64_t customer_key; /* kal_customer_key(tenant, customer_id) */
    kal_uuid flow_id;
    kal_uuid instance_id;
    kal_uuid held_id; /* its row goes with the work */
    uint32_t seq;
    uint32_t depth; /* of flows that one another's events started, above those that it starts */
    int32_t version;
    char *event_type;    /* owned */
    char *event_id;      /* owned; NULL: none */
    char *reason;        /* owned */
    char *entry;         /* owned; see kal_source */
    bool passes;         /* the customer is enrolled without entering */
    uint64_t sweep;      /* whose page found it */
    int64_t occurred_ms; /* INT64_MIN: not given */
    int64_t due_ms;
    json_t *body;         /* owned reference */
    size_t size;          /* bytes of the request that it holds */
    uint64_t deadline_ns; /* monotonic; work that has not begun by then answers UNAVAILABLE */

    void (*done)(kal_work *work); /* runs on thread `origin`; frees with kal_work_free */
    void *data;
    int origin;
    char *claim;  /* owned; the key of the request that must not happen twice, NULL: none */
    int32_t item; /* of that request */
    int tries;    /* times its flow was looked up anew */

    kal_err err;
    char *message; /* owned; more than kal_err_text, or NULL */
    int32_t routed, started, held;
    kal_buf answer;
};

/* A zeroed work of a kind. */
kal_work *kal_work_new(kal_work_kind kind);
/* Frees it and all it owns; NULL is fine. */
void kal_work_free(kal_work *work);
/* A caller waits for it, and its deadline has passed. */
bool kal_work_expired(const kal_work *work, uint64_t now_ns);
/* XXH3 of the external id, seeded by the tenant: a customer's key everywhere. */
uint64_t kal_customer_key(kal_uuid tenant, kal_str customer_id);

#endif
