/* References stand in the item itself (a journey's flow_id) and in its nodes' configs. */
#include "api/files/refs.h"

typedef struct walk {
    const kal_items *first, *second; /* second NULL: to names */
    kal_buf *problem;
} walk;

static bool to_name(const walk *w, const kal_item_kind *kind, json_t *object)
{
    kal_uuid id;

    if (!kal_uuid_parse(kal_json_get_str(object, kind->member), &id))
        return true;
    const kal_item *item = kal_items_find_id(w->first, kind, id);
    if (!item)
        return true;
    json_t *named = json_pack("{s:O}", kind->name, json_object_get(item->object, "name"));
    if (item->number > 1)
        json_object_set_new(named, "number", json_integer(item->number));
    json_object_set_new(object, kind->member, named);
    return true;
}

static bool to_id(const walk *w, const kal_item_kind *kind, json_t *object)
{
    const json_t *named = json_object_get(object, kind->member);
    const json_t *number = json_object_get(named, "number");
    kal_str name = kal_json_get_str(named, kind->name);
    char text[KAL_UUID_TEXT + 1];

    if (!json_is_object(named))
        return true;
    int64_t n = number ? json_integer_value(number) : 1;
    const kal_item *item = name.p ? kal_items_find(w->first, kind, name, n) : NULL;
    if (!item && name.p)
        item = kal_items_find(w->second, kind, name, n);
    if (!item) {
        kal_buf_printf(w->problem, "%s: there is no %s ", kind->member, kind->name);
        kal_json_write(w->problem, named);
        return false;
    }
    kal_uuid_format(item->id, text);
    json_object_set_new(object, kind->member, json_string(text));
    return true;
}

static bool visit(const walk *w, json_t *object)
{
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        const kal_item_kind *kind = &kinds[i];
        if (kind->member && !(w->second ? to_id : to_name)(w, kind, object))
            return false;
    }
    return true;
}

static bool visit_all(const walk *w, json_t *object)
{
    json_t *nodes = json_object_get(json_object_get(object, "graph"), "nodes"), *node;
    size_t i;

    if (!visit(w, object))
        return false;
    json_array_foreach(nodes, i, node)
    {
        json_t *config = json_object_get(node, "config");
        if (json_is_object(config) && !visit(w, config))
            return false;
    }
    return true;
}

void kal_refs_name(json_t *object, const kal_items *items)
{
    walk w = {.first = items};

    visit_all(&w, object);
}

bool kal_refs_resolve(json_t *object, const kal_items *first, const kal_items *second,
                      kal_buf *problem)
{
    walk w = {first, second, problem};

    return visit_all(&w, object);
}
