#include "api/member.h"

void kal_member_json(kal_args *args, const json_t *body, const char *field)
{
    const json_t *value = json_object_get(body, field);
    kal_buf text = {0};

    if (value)
        kal_json_write(&text, value);
    kal_args_add(args, kal_v_str(KAL_JSON, (kal_str){text.data, text.len}));
    kal_buf_deinit(&text);
}

void kal_member_text(kal_args *args, const json_t *body, const char *field)
{
    kal_args_add(args, kal_v_str(KAL_TEXT, kal_json_get_str(body, field)));
}

void kal_member_given(kal_args *args, const json_t *body, const char *field)
{
    kal_args_add(args, kal_v_bool(json_object_get(body, field) != NULL));
    kal_member_text(args, body, field);
}
