#include "api/audit.h"

void kal_audit_tell(kal_pg_call *call, const char *actor, const char *request_id, const char *verb,
                    int64_t now_ms)
{
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_text(actor));
    kal_args_add(args, request_id ? kal_v_text(request_id) : kal_v_null(KAL_TEXT));
    kal_args_add(args, kal_v_text(verb));
    kal_args_add(args, kal_v_time(now_ms));
    kal_pg_call_precede(call, KAL_SQL_SET_AUDIT, args);
}
