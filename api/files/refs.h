/* References between items: an id where they are stored, a name where they are written:
 * {"flow": "Welcome"}, with "number" for one that shares its name.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_FILES_REFS_H
#define KAL_API_FILES_REFS_H

#include "api/files/item.h"

/* Puts names in the place of the ids of items; other ids stay. */
void kal_refs_name(json_t *object, const kal_items *items);
/* Puts ids in the place of names, of `first` or else of `second`; each reference that names nothing
 * stays and is a problem of the file. */
void kal_refs_resolve(json_t *object, const kal_items *first, const kal_items *second,
                      const char *file, json_t *problems);

#endif
