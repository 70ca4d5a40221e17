/* References stand in the item itself (a journey's flow_id) and in its nodes' configs. */
#include "api/files/refs.h"

#include "api/files/folder.h"

typedef struct walk {
    const kal_items *first, *second; /* second NULL: to names */
    const char *file;
    json_t *problems;
    kal_str node; /* whose config it is; p NULL: the item itself */
} walk;

static void to_name(const walk *w, const kal_item_kind *kind, json_t *object)
{
    kal_uuid id;

    if (!kal_uuid_parse(kal_json_get_str(object, kind->member), &id))
        return;
    const kal_item *item = kal_items_find_id(w->first, kind, id);
    if (!item)
        return;
    json_t *named = json_pack("{s:O}", kind->name, json_object_get(item->object, "name"));
    if (item->number > 1)
        json_object_set_new(named, "number", json_integer(item->number));
    json_object_set_new(object, kind->member, named);
}

static void tell(const walk *w, const kal_item_kind *kind, const json_t *named)
{
    kal_buf text = {0};

    if (w->node.p)
        kal_buf_printf(&text, "node %.*s: ", (int)w->node.n, w->node.p);
    kal_buf_printf(&text, "%s: there is no %s ", kind->member, kind->name);
    kal_json_write(&text, named);
    kal_folder_problem(w->problems, w->file, text.data);
    kal_buf_deinit(&text);
}

static void to_id(const walk *w, const kal_item_kind *kind, json_t *object)
{
    const json_t *named = json_object_get(object, kind->member);
    const json_t *number = json_object_get(named, "number");
    kal_str name = kal_json_get_str(named, kind->name);
    char text[KAL_UUID_TEXT + 1];

    if (!json_is_object(named))
        return;
    int64_t n = number ? json_integer_value(number) : 1;
    const kal_item *item = name.p ? kal_items_find(w->first, kind, name, n) : NULL;
    if (!item && name.p)
        item = kal_items_find(w->second, kind, name, n);
    if (!item) {
        tell(w, kind, named);
        return;
    }
    kal_uuid_format(item->id, text);
    json_object_set_new(object, kind->member, json_string(text));
}

static void visit(const walk *w, json_t *object)
{
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        const kal_item_kind *kind = &kinds[i];
        if (kind->member)
            (w->second ? to_id : to_name)(w, kind, object);
    }
}

static void visit_all(walk *w, json_t *object)
{
    json_t *nodes = json_object_get(json_object_get(object, "graph"), "nodes"), *node;
    size_t i;

    visit(w, object);
    json_array_foreach(nodes, i, node)
    {
        json_t *config = json_object_get(node, "config");
        w->node = kal_json_get_str(node, "id");
        if (json_is_object(config))
            visit(w, config);
    }
}

void kal_refs_name(json_t *object, const kal_items *items)
{
    walk w = {.first = items};

    visit_all(&w, object);
}

void kal_refs_resolve(json_t *object, const kal_items *first, const kal_items *second,
                      const char *file, json_t *problems)
{
    walk w = {.first = first, .second = second, .file = file, .problems = problems};

    visit_all(&w, object);
}
