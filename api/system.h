/* What the process asks of the system: its user, its descriptors, its cores.
 * Thread: main. Blocks: never. */
#ifndef KAL_API_SYSTEM_H
#define KAL_API_SYSTEM_H

#include "base/buf.h"
#include "base/config.h"

#include <stdbool.h>

/* Becomes a user (NULL: stays), who gets the data directory; false with one clear line in error. */
bool kal_system_become(const char *user, const char *data_dir, kal_buf *error);
/* Raises the limit of open files to what is allowed. */
void kal_system_raise_files(void);
/* The most files that may be open. */
long kal_system_files(void);
/* THREADS, or one a core. */
int kal_system_threads(const kal_config *config);

#endif
