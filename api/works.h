/* A request's works: one, or many as one list, answered when the last is back.
 * Invariant: items keep the order in which they were added.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_WORKS_H
#define KAL_API_WORKS_H

#include "api/request.h"

typedef struct kal_works_item {
    kal_work *work;    /* NULL: refused before it was submitted */
    kal_err err;       /* of the work, once it is back */
    const char *field; /* of a validation_failed, or NULL */
} kal_works_item;

typedef struct kal_works kal_works;
typedef void (*kal_works_done)(kal_request *request, const kal_works *batch);

struct kal_works {
    kal_request *request;
    kal_works_done done;
    kal_works_item *items;
    size_t count, cap, open;
};

/* A work of a customer; takes over body (NULL: none). size: what it keeps in memory. */
kal_work *kal_works_make(const kal_request *request, kal_work_kind kind, kal_str customer,
                         json_t *body, size_t size);
/* Submits one work; the request lives until done has run and unrefs it. */
void kal_works_send(kal_request *request, kal_work *work, void (*done)(kal_work *work));
/* How many values there are in a value, with itself. */
size_t kal_works_values(const json_t *value);
/* About what a value takes in memory that was so many bytes of text. */
size_t kal_works_size(const json_t *value, size_t text);

/* An empty batch; done runs once, when all items are settled. */
kal_works *kal_works_new(kal_request *request, kal_works_done done);
/* Frees a batch that was not submitted. */
void kal_works_free(kal_works *batch);
/* A zeroed item at the end, borrowed until the next one. */
kal_works_item *kal_works_add(kal_works *batch);
/* Takes the items' tokens, submits, and frees when done has run. */
void kal_works_submit(kal_works *batch);

#endif
