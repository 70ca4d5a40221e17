/* The rules that a flow has beside its nodes: who may enter again (entry_config) and what ends a
 * walk early (exit_criteria, a graph's too). Members that nobody knows are let be.
 * Invariant: rules without a problem are such that the engine can keep them.
 * Thread: the owner of the Lua state. Blocks: never. */
#ifndef KAL_FLOW_RULES_H
#define KAL_FLOW_RULES_H

#include "base/json.h"
#include "lua/host/host.h"

/* Both append every problem to `problems` (an array of strings) as `where`, the JSON pointer within
 * the rules and a sentence: "/exit_criteria/condition: …". NULL for rules is right. */
void kal_rules_entry(const json_t *config, const char *where, json_t *problems);
void kal_rules_exit(kal_lua *lua, const json_t *criteria, const char *where, json_t *problems);

#endif
