#include "effect/held.h"

void kal_held_add(kal_unit *unit, kal_arena *arena, int shard, const kal_held *held,
                  const json_t *body)
{
    kal_buf text = {0};
    kal_json_write(&text, body);
    kal_value *row = kal_unit_row(unit, KAL_TABLE_HELD_ADD);
    row[0] = kal_v_uuid(held->id);
    row[1] = kal_v_uuid(held->tenant);
    row[2] = kal_v_int(KAL_INT2, shard);
    row[3] = kal_v_uuid(held->flow);
    row[4] = kal_v_uuid(held->instance);
    row[5] = kal_v_int(KAL_INT8, (int64_t)held->customer_key);
    row[6] =
        kal_v_str(KAL_JSON, (kal_str){kal_arena_strndup(arena, text.data, text.len), text.len});
    row[7] = kal_v_bool(held->paused);
    kal_buf_deinit(&text);
}

json_t *kal_held_answer(uint32_t seq, json_t *answer)
{
    return json_pack("{s:I, s:o}", "wait", (json_int_t)seq, "answer", answer);
}

json_t *kal_held_read(const json_t *body, uint32_t *seq)
{
    *seq = (uint32_t)json_integer_value(json_object_get(body, "wait"));
    return *seq ? json_object_get(body, "answer") : NULL;
}
