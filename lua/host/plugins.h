/* The plugins of a process: read from the folders of a path, tried in a Lua state of their own, and
 * the good ones put in force for all states. A broken one leaves the last good one of its name in
 * force, and is told as a problem until it is mended or gone.
 * Invariant: a set in force is immutable, and its plugins have loaded together.
 * Thread: new, reload, folders and free one at a time; the rest any. Blocks: new and reload read
 * files and run them. */
#ifndef KAL_LUA_HOST_PLUGINS_H
#define KAL_LUA_HOST_PLUGINS_H

#include "base/buf.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kal_plugins kal_plugins;

/* Reads the plugins of the folders in `path`, separated by colons, and then of home/plugins, which
 * comes with the program; of two of one name the first counts. NULL with one clear line in error
 * when none could be tried, the home itself being broken; broken plugins are problems only.
 * Outlives the states that it is given to. */
kal_plugins *kal_plugins_new(const char *home, const char *path, kal_buf *error);
void kal_plugins_free(kal_plugins *plugins);
/* Reads the folders anew. True when other plugins are in force since: states take them over by
 * kal_lua_adopt. */
bool kal_plugins_reload(kal_plugins *plugins);
/* {name: what is wrong}; the caller decrefs. */
json_t *kal_plugins_problems(kal_plugins *plugins);
/* How many are in force. */
size_t kal_plugins_count(kal_plugins *plugins);
/* Names every folder whose change may change the plugins; one that is not there too. */
void kal_plugins_folders(const kal_plugins *plugins, void (*each)(void *data, const char *folder),
                         void *data);

#endif
