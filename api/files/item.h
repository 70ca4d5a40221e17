/* What files hold: items by kind and name, from a database or from a folder.
 * Invariant: kind, name and number tell an item; the items of one name are numbered 1, 2, … in
 * order of creation.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_FILES_ITEM_H
#define KAL_API_FILES_ITEM_H

#include "base/json.h"
#include "base/uuid.h"
#include "store/pg.h"

typedef struct kal_item_field {
    const char *name, *otherwise; /* JSON of one that is left out or null */
} kal_item_field;

typedef struct kal_item_kind {
    const char *name;   /* "flow": in plans and references */
    const char *folder; /* "flows" */
    const char *member; /* "flow_id": what names one of this kind in others; NULL: nothing does */
    kal_sql list;
    const kal_item_field *fields; /* all but name and number; the last one's name is NULL */
} kal_item_kind;

typedef struct kal_item {
    const kal_item_kind *kind;
    kal_uuid id;    /* nil: not there yet */
    char *file;     /* "flows/welcome.json" */
    json_t *object; /* name and all fields */
    int64_t number;
    bool is_draft;
    int64_t last_version; /* of a flow; 0: none */
} kal_item;

typedef struct kal_items {
    kal_item *list;
    size_t n;
} kal_items;

/* The kinds, those that others name first; `count` of them. */
const kal_item_kind *kal_item_kinds(size_t *count);
/* The name's text. */
kal_str kal_item_name(const kal_item *item);
/* Appends a file's name without its end: lower case, a dash for what does not fit into one. */
void kal_item_slug(kal_str name, kal_buf *out);

/* Appends an item, taking the object over, with its fields that are left out or null
 * filled in. */
kal_item *kal_items_add(kal_items *items, const kal_item_kind *kind, json_t *object);
/* Numbers and files of items that come in order of creation. */
void kal_items_number(kal_items *items);
/* Orders by kind, name and number. */
void kal_items_sort(kal_items *items);
/* NULL: there is none. */
kal_item *kal_items_find(const kal_items *items, const kal_item_kind *kind, kal_str name,
                         int64_t number);
kal_item *kal_items_find_id(const kal_items *items, const kal_item_kind *kind, kal_uuid id);
/* How many have this name. */
int64_t kal_items_named(const kal_items *items, const kal_item_kind *kind, kal_str name);
void kal_items_deinit(kal_items *items);

#endif
