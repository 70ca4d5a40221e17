/* Directories: where the data and the program's own files lie.
 * Thread: main. Blocks: on the file system. */
#ifndef KAL_API_DIRS_H
#define KAL_API_DIRS_H

#include "base/buf.h"
#include "base/config.h"
#include "base/uuid.h"

#include <stdbool.h>

/* The data directory's absolute path, made when missing; NULL with one clear line in error. The
 * caller frees it. */
char *kal_dirs_data(const kal_config *config, kal_buf *error);
/* The directory that holds lua/ and nodes/: KALCIFER_HOME, else found beside the program or above
 * it; NULL with one clear line in error. The caller frees it. */
char *kal_dirs_home(const kal_config *config, kal_buf *error);
/* Locks the data directory for this process: a descriptor to close, or -1 with one clear line in
 * error when another has it. */
int kal_dirs_lock(const char *data_dir, kal_buf *error);
/* The node id kept in the data directory, made at the first call. */
bool kal_dirs_node(const char *data_dir, kal_uuid *node, kal_buf *error);

#endif
