/* Temporary directories of tests. A failure to make or remove one fails the test. */
#ifndef KAL_TEST_TEMP_DIR_H
#define KAL_TEST_TEMP_DIR_H

/* A new, empty one; the caller gives its path to kal_temp_dir_free. */
char *kal_temp_dir_new(void);
/* Removes it with all that is in it, and frees the path. */
void kal_temp_dir_free(char *dir);
/* Removes a directory whose path is somebody else's. */
void kal_temp_dir_remove(const char *dir);

#endif
