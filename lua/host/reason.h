/* Messages of Lua errors made fit for people and rows: no paths of the host, valid UTF-8, short.
 * Thread: any. Blocks: never. */
#ifndef KAL_LUA_HOST_REASON_H
#define KAL_LUA_HOST_REASON_H

#include "base/buf.h"
#include "base/str.h"

#define KAL_REASON_MAX 500

/* Sets out to the message: the home's path is taken off, other absolute paths of Lua files and
 * libraries shrink to their file name, control characters become spaces, invalid UTF-8 question
 * marks. At most KAL_REASON_MAX bytes. */
void kal_reason_clean(kal_buf *out, kal_str message, const char *home);

#endif
