/* Watches the folders of plugins (inotify), and reloads them when they have been quiet after a
 * change. A folder that cannot be watched, or is not there, is looked at every two seconds. Thread:
 * the loop's. Blocks: as kal_plugins_reload does. */
#ifndef KAL_LUA_HOST_WATCH_H
#define KAL_LUA_HOST_WATCH_H

#include "lua/host/plugins.h"

#include <uv.h>

typedef struct kal_watch kal_watch;

/* Looks at once, and from then on; `changed` runs when other plugins are in force. The plugins are
 * borrowed. */
kal_watch *kal_watch_new(uv_loop_t *loop, kal_plugins *plugins, void (*changed)(void *data),
                         void *data);
/* Its handles close in the loop's next turns. */
void kal_watch_free(kal_watch *watch);

#endif
