/* What the API's document says of a route beyond its row: what it is for, the schema of its body
 * and of its answer. Errors, parameters, roles and limits follow from the row. Invariant: a schema
 * is a file of api/schemas; what has none, the document cannot name. Thread: any. Blocks: never. */
#ifndef KAL_API_DOC_H
#define KAL_API_DOC_H

#include "api/schemas.h"

typedef enum kal_answer {
    KAL_ANSWER_READ, /* as the row's read says: DATA or LIST */
    KAL_ANSWER_DATA, /* {"data": schema} */
    KAL_ANSWER_LIST, /* {"data": [schema], "next_cursor"} */
    KAL_ANSWER_BARE, /* the schema is the whole answer */
    KAL_ANSWER_EMPTY,
    KAL_ANSWER_TEXT, /* text/plain */
    KAL_ANSWER_HTML
} kal_answer;

typedef struct kal_doc {
    const char *summary;
    kal_schema body; /* NONE: it takes none */
    int status;      /* of success */
    int also;        /* another status with the same answer (304: with none); 0: none */
    kal_answer answer;
    kal_schema schema; /* of the answer */
} kal_doc;

#endif
