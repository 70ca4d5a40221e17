/* Durations and times: C and Lua take the same durations; a time that is read and written is read
 * as the same again. */
#include "base/clock.h"

#include "fuzz.h"

#include <string.h>

static void check_both(kal_str text)
{
    int64_t ms;
    json_t *value = json_stringn(text.p, text.n);

    if (!value) /* no UTF-8: no JSON has it */
        return;
    json_t *config = json_pack("{s:o}", "duration", value);
    json_t *told = kal_lua_describe(fuzz_lua(), kal_str_of("wait"), (kal_str){0}, config);
    bool lua_takes = json_array_size(json_object_get(told, "problems")) == 0;
    KEEP(lua_takes == kal_clock_duration(text, &ms));
    json_decref(told);
    json_decref(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kal_str text = fuzz_text(data, size);
    char written[KAL_TIME_TEXT + 1];
    int64_t ms, again;

    if (kal_clock_duration(text, &ms))
        KEEP(ms >= 0 && ms <= (int64_t)3653 * 86400000);
    check_both(text);
    if (kal_clock_parse(text, &ms)) {
        kal_clock_format(ms, written);
        KEEP(kal_clock_parse(kal_str_of(written), &again) && again == ms);
    }
    return 0;
}
