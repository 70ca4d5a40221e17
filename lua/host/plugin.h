/* One plugin as it was read: its artefact is the JSON {"files": {path: text}} of its Lua files,
 * sorted by path, its hash the SHA-256 of the artefact.
 * Invariant: neither changes.
 * Thread: any; counted by atomics. Blocks: kal_plugin_read reads files. */
#ifndef KAL_LUA_HOST_PLUGIN_H
#define KAL_LUA_HOST_PLUGIN_H

#include "base/buf.h"
#include "base/str.h"
#include "lua/host/digest.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct kal_plugin {
    atomic_uint refs;
    char *name; /* of its folder, or of its file without .lua */
    char *path; /* as messages call it: plugins/NAME or plugins/NAME.lua */
    char hash[KAL_DIGEST_TEXT + 1];
    kal_buf artefact;
} kal_plugin;

/* Reads folder/entry: a folder with node.lua, provider.lua, inbound.lua or interceptor.lua, or a
 * file NAME.lua, which is as the folder NAME with that as node.lua. Specs are left out. NULL when
 * it is no plugin, with one line in error when it is one that cannot be read. */
kal_plugin *kal_plugin_read(const char *folder, const char *entry, kal_buf *error);
/* The file tests the plugin beside it, and is no part of one. */
bool kal_plugin_is_spec(const char *path);
/* The name that an entry's plugin would have; the caller frees it. */
char *kal_plugin_name(const char *entry);
kal_plugin *kal_plugin_ref(kal_plugin *plugin);
void kal_plugin_unref(kal_plugin *plugin);

#endif
