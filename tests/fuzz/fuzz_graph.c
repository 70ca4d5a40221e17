/* A version's graph: any JSON is checked; what the check lets pass compiles. */
#include "flow/graph.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[160];
    json_t *graph = kal_json_parse(fuzz_text(data, size), error);

    if (!graph)
        return 0;
    kal_lua *lua = fuzz_lua();
    json_t *problems = json_array(), *hard = json_array();
    kal_graph_check(lua, graph, NULL, problems);
    kal_graph *compiled = kal_graph_new(lua, graph, NULL, hard);
    KEEP(compiled || json_array_size(problems) > 0);
    KEEP((compiled != NULL) == (json_array_size(hard) == 0));
    if (compiled) {
        for (uint32_t i = 0; i < kal_graph_count(compiled); i++)
            KEEP(kal_graph_find(compiled, kal_graph_at(compiled, i)->id) == i);
        json_decref(kal_graph_types(compiled));
    }
    kal_graph_free(compiled);
    json_decref(hard);
    json_decref(problems);
    json_decref(graph);
    return 0;
}
