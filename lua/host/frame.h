/* What an engine and a cell's worker say to each other over their pipe: a call and its reply, each
 * a head of fixed size with its texts behind it. Both ends are one binary, so heads go as they lie
 * in memory. A worker is not trusted: what it sends is held to its limits before it is read. */
#ifndef KAL_LUA_HOST_FRAME_H
#define KAL_LUA_HOST_FRAME_H

#include <stdint.h>

/* Behind it: the source (source_len 0: the worker has it by its id), then the input's JSON. */
typedef struct kal_call_head {
    uint64_t id, source_id, seed;
    uint32_t source_len, input_len;
    uint32_t wall_ms, output_most;
} kal_call_head;

typedef enum kal_reply_kind {
    KAL_REPLY_OUTCOME, /* the text is the outcome's JSON */
    KAL_REPLY_FAILED,  /* the code failed: the text says how */
    KAL_REPLY_LIMIT    /* likewise, by a limit: the worker is not to be used again */
} kal_reply_kind;

typedef struct kal_reply_head {
    uint64_t id, cpu_ns;
    uint32_t kind, text_len;
    uint64_t memory; /* of the Lua state when the call had ended, in bytes */
} kal_reply_head;

#endif
