/* A small home in a temporary directory, whose expressions and nodes are plain Lua: what a test
 * writes as text runs in the state under test. */
#ifndef KAL_TESTS_HOST_TEST_H
#define KAL_TESTS_HOST_TEST_H

#include "lua/host/host.h"
#include "temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char REGISTRY[] =
    "local registry, nodes, infos, providers = {}, {}, {}, {}\n"
    "function registry.add(module, info)\n"
    "  if type(module) ~= 'table' then return nil, info.path .. ': no table returned' end\n"
    "  nodes[module.type], infos[#infos + 1] = module, info\n"
    "  info.type = module.type\n"
    "  return true\n"
    "end\n"
    "function registry.add_provider(name, module)\n"
    "  providers[name] = module\n"
    "  return true\n"
    "end\n"
    "function registry.adopt(plugins)\n"
    "  for _, plugin in ipairs(plugins) do\n"
    "    local files = require 'kal.native'.decode(plugin.artefact).files\n"
    "    providers[plugin.name] = assert(loadstring(files['provider.lua']))()\n"
    "  end\n"
    "  return true\n"
    "end\n"
    "function registry.keep() return true end\n"
    "function registry.kept() return require 'kal.native'.array {} end\n"
    "function registry.types() return require 'kal.native'.array(infos) end\n"
    "function registry.describe(name, config)\n"
    "  local module = nodes[name]\n"
    "  return module and { category = module.category, version = '1', config = config,\n"
    "    problems = require 'kal.native'.array {} }\n"
    "end\n"
    "function registry.node(name, id, config)\n"
    "  return nodes[name] and { id = id, execute = nodes[name].execute, config = config }\n"
    "end\n"
    "function registry.provider(name) return providers[name] end\n"
    "return registry\n";

static const char RUNNER[] =
    "local runner = {}\n"
    "local function keep(node, context, kind, result, ...)\n"
    "  if kind == 'complete' then context.accumulated[node.id] = result end\n"
    "  return kind, result, ...\n"
    "end\n"
    "function runner.run(node, context, ...)\n"
    "  return keep(node, context, node.execute(node.config, context, ...))\n"
    "end\n"
    "return runner\n";

static const char EXPR[] =
    "local expr, native = {}, require 'kal.native'\n"
    "function expr.check(text)\n"
    "  local chunk, err = loadstring(text, '=expression')\n"
    "  return chunk and true, err\n"
    "end\n"
    "function expr.truth(text, context, event, now)\n"
    "  local chunk, err = loadstring('local context, event, now, native = ... ' .. text, '=expr')\n"
    "  if not chunk then return nil, err end\n"
    "  return chunk(context, event, now, native) and true or false\n"
    "end\n"
    "return expr\n";

static const char SEGMENT[] =
    "local segment = {}\n"
    "function segment.check(given) return given.problems end\n"
    "function segment.compile(given)\n"
    "  return function(customer, now) return customer.name == given.name and now >= 0 end\n"
    "end\n"
    "function segment.load(tenant, given) segment[tenant] = given end\n"
    "return segment\n";

/* A node whose config is the body of its function. */
static const char CODE_NODE[] =
    "local native = require 'kal.native'\n"
    "return { type = 'code', category = 'action',\n"
    "  execute = function(config, context, now, trigger, event, state)\n"
    "    local chunk = assert(loadstring(\n"
    "      'local native, context, now, trigger, event, state = ... ' .. config.body, '=body'))\n"
    "    return chunk(native, context, now, trigger, event, state)\n"
    "  end }\n";

static inline void host_write(const char *home, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", home, path);
    for (char *slash = strchr(full + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline char *host_home_new(void)
{
    char *home = kal_temp_dir_new();
    host_write(home, "lua/kal/registry.lua", REGISTRY);
    host_write(home, "lua/kal/runner.lua", RUNNER);
    host_write(home, "lua/kal/expr.lua", EXPR);
    host_write(home, "lua/kal/segment.lua", SEGMENT);
    host_write(home, "nodes/action/code.lua", CODE_NODE);
    return home;
}

/* With the plugins that are there now. */
static inline kal_lua *host_open(const char *home)
{
    kal_buf error = {0};
    kal_plugins *plugins = kal_plugins_new(home, "", &error);
    kal_lua *lua = kal_lua_new(home, plugins, &error);
    kal_plugins_free(plugins); /* nothing is adopted later */
    if (lua == NULL)
        fail_msg("%s", error.data);
    kal_buf_deinit(&error);
    return lua;
}

#endif
