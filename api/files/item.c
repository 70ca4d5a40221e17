#include "api/files/item.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define SLUG_MOST 100

static const kal_item_field segment_fields[] = {
    {"description", "null"}, {"type", "\"dynamic\""}, {"rules", "[]"},
    {"expression", "null"},  {"predicate", "null"},   {NULL, NULL},
};

static const kal_item_field flow_fields[] = {
    {"description", "null"}, {"entry_config", "{}"}, {"exit_criteria", "{}"},
    {"frequency_cap", "{}"}, {"graph", "null"},      {NULL, NULL},
};

static const kal_item_field journey_fields[] = {
    {"description", "null"},     {"flow_id", "null"}, {"goal_config", "{}"}, {"schedule", "{}"},
    {"audience_criteria", "{}"}, {"tags", "[]"},      {NULL, NULL},
};

static const kal_item_kind kinds[] = {
    {"segment", "segments", "segment_id", KAL_SQL_API_SEGMENT_FILES, segment_fields},
    {"flow", "flows", "flow_id", KAL_SQL_API_FLOW_FILES, flow_fields},
    {"journey", "journeys", NULL, KAL_SQL_API_JOURNEY_FILES, journey_fields},
};

const kal_item_kind *kal_item_kinds(size_t *count)
{
    *count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}

kal_str kal_item_name(const kal_item *item)
{
    return kal_json_get_str(item->object, "name");
}

void kal_item_slug(kal_str name, kal_buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (out->len - before >= SLUG_MOST && (c & 0xc0) != 0x80)
            break;
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c | 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
            kal_buf_putc(out, (char)c);
        else if (out->len > before && out->data[out->len - 1] != '-')
            kal_buf_putc(out, '-');
    }
    if (out->len > before && out->data[out->len - 1] == '-')
        out->data[--out->len] = '\0';
    if (out->len == before)
        kal_buf_puts(out, "unnamed");
}

kal_item *kal_items_add(kal_items *items, const kal_item_kind *kind, json_t *object)
{
    char error[160];

    items->list = kal_realloc(items->list, (items->n + 1) * sizeof(*items->list));
    kal_item *item = &items->list[items->n++];
    *item = (kal_item){.kind = kind, .object = object, .number = 1};
    for (const kal_item_field *f = kind->fields; f->name; f++)
        if (!json_object_get(object, f->name) || json_is_null(json_object_get(object, f->name)))
            json_object_set_new(object, f->name, kal_json_parse(kal_str_of(f->otherwise), error));
    return item;
}

static bool has_file(const kal_items *items, size_t n, const char *file)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items->list[i].file, file) == 0)
            return true;
    return false;
}

void kal_items_number(kal_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        kal_item *item = &items->list[i];
        kal_items before = {items->list, i};
        kal_buf file = {0};
        item->number = 1 + kal_items_named(&before, item->kind, kal_item_name(item));
        kal_buf_printf(&file, "%s/", item->kind->folder);
        kal_item_slug(kal_item_name(item), &file);
        size_t stem = file.len;
        kal_buf_puts(&file, ".json");
        for (int n = 2; has_file(items, i, file.data); n++) {
            file.len = stem;
            kal_buf_printf(&file, "-%d.json", n);
        }
        item->file = kal_strdup(file.data);
        kal_buf_deinit(&file);
    }
}

static int by_key(const void *a, const void *b)
{
    const kal_item *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = strcmp(kal_item_name(x).p, kal_item_name(y).p);
    if (order != 0)
        return order;
    return x->number == y->number ? strcmp(x->file, y->file) : x->number < y->number ? -1 : 1;
}

void kal_items_sort(kal_items *items)
{
    if (items->n > 1)
        qsort(items->list, items->n, sizeof(*items->list), by_key);
}

kal_item *kal_items_find(const kal_items *items, const kal_item_kind *kind, kal_str name,
                         int64_t number)
{
    for (size_t i = 0; i < items->n; i++) {
        kal_item *item = &items->list[i];
        if (item->kind == kind && item->number == number && kal_str_eq(kal_item_name(item), name))
            return item;
    }
    return NULL;
}

kal_item *kal_items_find_id(const kal_items *items, const kal_item_kind *kind, kal_uuid id)
{
    for (size_t i = 0; i < items->n; i++)
        if (items->list[i].kind == kind && kal_uuid_eq(items->list[i].id, id))
            return &items->list[i];
    return NULL;
}

int64_t kal_items_named(const kal_items *items, const kal_item_kind *kind, kal_str name)
{
    int64_t n = 0;

    for (size_t i = 0; i < items->n; i++)
        n += items->list[i].kind == kind && kal_str_eq(kal_item_name(&items->list[i]), name);
    return n;
}

void kal_items_deinit(kal_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        json_decref(items->list[i].object);
        kal_free(items->list[i].file);
    }
    kal_free(items->list);
    *items = (kal_items){0};
}
