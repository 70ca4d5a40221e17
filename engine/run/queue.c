#include "run/queue.h"

#include "base/alloc.h"
#include "base/map.h"

#define MAX_QUEUED 65536                    /* callers' works that may wait */
#define MAX_QUEUED_BYTES ((size_t)64 << 20) /* and what they hold */

/* A tenant that has work in a class: its works, and its place in the class's circle. */
typedef struct kal_lane {
    kal_uuid tenant;
    kal_work *first, **last;
    struct kal_lane *next;
} kal_lane;

typedef struct kal_circle {
    kal_lane *turn, **last; /* lanes with work, whose turn is next first */
    kal_strmap lanes;       /* tenant -> its lane, only while it has work */
    size_t count, bytes;
} kal_circle;

struct kal_queue {
    kal_circle circles[KAL_CLASS_COUNT];
};

static kal_str tenant_key(const kal_uuid *tenant)
{
    return (kal_str){(const char *)tenant->b, sizeof tenant->b};
}

kal_queue *kal_queue_new(void)
{
    kal_queue *queue = kal_calloc(1, sizeof *queue);
    for (int c = 0; c < KAL_CLASS_COUNT; c++)
        queue->circles[c].last = &queue->circles[c].turn;
    return queue;
}

void kal_queue_free(kal_queue *queue)
{
    if (!queue)
        return;
    for (int c = 0; c < KAL_CLASS_COUNT; c++) {
        kal_work *work;
        while ((work = kal_queue_pop(queue, (kal_class)c)))
            kal_work_free(work);
        kal_strmap_deinit(&queue->circles[c].lanes);
    }
    kal_free(queue);
}

size_t kal_queue_count(const kal_queue *queue, kal_class class)
{
    return queue->circles[class].count;
}

bool kal_queue_is_full(const kal_queue *queue)
{
    const kal_circle *circle = &queue->circles[KAL_CLASS_EVENT];
    return circle->count >= MAX_QUEUED || circle->bytes >= MAX_QUEUED_BYTES;
}

const kal_uuid *kal_queue_owner(const kal_queue *queue, kal_class class)
{
    const kal_lane *lane = queue->circles[class].turn;
    return lane && !lane->next ? &lane->tenant : NULL;
}

static void append_lane(kal_circle *circle, kal_lane *lane)
{
    lane->next = NULL;
    *circle->last = lane;
    circle->last = &lane->next;
}

static kal_lane *lane_of(kal_circle *circle, const kal_uuid *tenant)
{
    kal_lane *lane = kal_strmap_get(&circle->lanes, tenant_key(tenant));
    if (!lane) {
        lane = kal_calloc(1, sizeof *lane);
        lane->tenant = *tenant;
        lane->last = &lane->first;
        kal_strmap_put(&circle->lanes, tenant_key(tenant), lane);
        append_lane(circle, lane);
    }
    return lane;
}

void kal_queue_push(kal_queue *queue, kal_class class, kal_work *work)
{
    kal_circle *circle = &queue->circles[class];
    kal_lane *lane = lane_of(circle, &work->tenant);
    work->next = NULL;
    *lane->last = work;
    lane->last = &work->next;
    circle->count++;
    circle->bytes += work->size;
}

void kal_queue_push_first(kal_queue *queue, kal_class class, kal_work *work)
{
    kal_circle *circle = &queue->circles[class];
    kal_lane *lane = lane_of(circle, &work->tenant);
    work->next = lane->first;
    lane->first = work;
    if (!work->next)
        lane->last = &work->next;
    circle->count++;
    circle->bytes += work->size;
}

kal_work *kal_queue_pop(kal_queue *queue, kal_class class)
{
    kal_circle *circle = &queue->circles[class];
    kal_lane *lane = circle->turn;
    if (!lane)
        return NULL;
    circle->turn = lane->next;
    if (!circle->turn)
        circle->last = &circle->turn;
    kal_work *work = lane->first;
    lane->first = work->next;
    work->next = NULL;
    circle->count--;
    circle->bytes -= work->size;
    if (lane->first) {
        append_lane(circle, lane);
    } else {
        kal_strmap_del(&circle->lanes, tenant_key(&lane->tenant));
        kal_free(lane);
    }
    return work;
}

kal_work *kal_queue_expire(kal_queue *queue, kal_class class, uint64_t now_ns)
{
    kal_queue kept = {0};
    kal_work *expired = NULL;
    kal_circle *circle = &kept.circles[class];
    circle->last = &circle->turn;
    for (kal_work *work; (work = kal_queue_pop(queue, class));) {
        if (!kal_work_expired(work, now_ns)) {
            kal_queue_push(&kept, class, work);
            continue;
        }
        work->next = expired;
        expired = work;
    }
    kal_strmap_deinit(&queue->circles[class].lanes);
    queue->circles[class] = *circle;
    if (!queue->circles[class].turn)
        queue->circles[class].last = &queue->circles[class].turn;
    return expired;
}
