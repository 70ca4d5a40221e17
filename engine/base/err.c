#include "base/err.h"

typedef struct row {
    const char *code;
    int status;
    const char *text;
} row;

static const row rows[] = {[KAL_OK] = {"ok", 200, "all is well"},
#define X(name, code, status, text) [KAL_ERR_##name] = {code, status, text},
                           KAL_ERRORS(X)
#undef X
};

const char *kal_err_code(kal_err err)
{
    return rows[err].code;
}

int kal_err_status(kal_err err)
{
    return rows[err].status;
}

const char *kal_err_text(kal_err err)
{
    return rows[err].text;
}
