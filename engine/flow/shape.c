#include "flow/shape.h"

#include "base/alloc.h"

json_t *kal_shape_member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

uint32_t kal_shape_find(const kal_shape *shape, kal_str id)
{
    const kal_str *found = id.p ? kal_strmap_get(&shape->index, id) : NULL;
    return found ? (uint32_t)(found - shape->ids) : KAL_GRAPH_NONE;
}

static void read_ids(kal_shape *shape, const json_t *nodes)
{
    for (uint32_t i = 0; i < shape->n_nodes; i++) {
        kal_str id = kal_json_get_str(json_array_get(nodes, i), "id");
        shape->ids[i] = id.n ? id : kal_str_of(NULL);
        if (kal_shape_find(shape, shape->ids[i]) == KAL_GRAPH_NONE && id.n)
            (void)kal_strmap_put(&shape->index, id, &shape->ids[i]);
    }
}

/* The known source of an edge whose target is known too, else KAL_GRAPH_NONE. */
static uint32_t read_edge(const kal_shape *shape, const json_t *json, kal_edge *out)
{
    out->target = kal_shape_find(shape, kal_json_get_str(json, "target"));
    out->branch = kal_json_get_str(json, "branch");
    if (out->branch.n == 0)
        out->branch = (kal_str){0}; /* an empty name is none */
    if (out->target == KAL_GRAPH_NONE)
        return KAL_GRAPH_NONE;
    return kal_shape_find(shape, kal_json_get_str(json, "source"));
}

/* A counting sort by source: count, sum up, place; placing moves each start to the next one's. */
static void read_edges(kal_shape *shape, const json_t *edges)
{
    uint32_t total = (uint32_t)json_array_size(edges);
    uint32_t *start = shape->first + 1;
    kal_edge edge;
    for (uint32_t i = 0; i < total; i++) {
        uint32_t source = read_edge(shape, json_array_get(edges, i), &edge);
        if (source != KAL_GRAPH_NONE)
            start[source]++;
    }
    for (uint32_t i = 0; i < shape->n_nodes; i++) {
        uint32_t count = start[i];
        start[i] = shape->n_edges;
        shape->n_edges += count;
    }
    shape->edges = kal_calloc(shape->n_edges, sizeof *shape->edges);
    for (uint32_t i = 0; i < total; i++) {
        uint32_t source = read_edge(shape, json_array_get(edges, i), &edge);
        if (source != KAL_GRAPH_NONE)
            shape->edges[start[source]++] = edge;
    }
}

void kal_shape_init(kal_shape *shape, const json_t *graph)
{
    const json_t *nodes = json_object_get(graph, "nodes");
    uint32_t n = (uint32_t)json_array_size(nodes);
    *shape = (kal_shape){.n_nodes = n};
    shape->ids = kal_calloc(n, sizeof *shape->ids);
    shape->first = kal_calloc((size_t)n + 1, sizeof *shape->first);
    read_ids(shape, nodes);
    read_edges(shape, json_object_get(graph, "edges"));
}

void kal_shape_deinit(kal_shape *shape)
{
    kal_free(shape->ids);
    kal_free(shape->first);
    kal_free(shape->edges);
    kal_strmap_deinit(&shape->index);
    *shape = (kal_shape){0};
}
