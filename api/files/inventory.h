/* What a tenant has, as files would hold it. Archived items are left out.
 * Thread: main. Blocks: yes. */
#ifndef KAL_API_FILES_INVENTORY_H
#define KAL_API_FILES_INVENTORY_H

#include "api/files/item.h"

/* Numbered items with their files; names stand where ids did. False with one clear line in
 * error. */
bool kal_inventory_load(const char *conninfo, kal_uuid tenant, kal_items *items, kal_buf *error);

#endif
