/* A folder of items: DIR/flows/NAME.json and so on.
 * Thread: main. Blocks: on the file system. */
#ifndef KAL_API_FILES_FOLDER_H
#define KAL_API_FILES_FOLDER_H

#include "api/files/item.h"

/* Appends {"file", "problem"}. */
void kal_folder_problem(json_t *problems, const char *file, const char *problem);

/* Reads all items; what is no item goes into problems. False with one clear line in error. */
bool kal_folder_read(const char *dir, kal_items *items, json_t *problems, kal_buf *error);
/* Writes the items' files, those that differ, and removes what reads as an item that is no more.
 * `written` and `removed` (arrays) get the files' names. False with one clear line in error. */
bool kal_folder_write(const char *dir, const kal_items *items, json_t *written, json_t *removed,
                      kal_buf *error);

#endif
