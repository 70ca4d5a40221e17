#include "api/check.h"

void kal_check_add(json_t *errors, const char *field, const char *problem)
{
    json_t *list = json_object_get(errors, field);

    if (!list) {
        list = json_array();
        json_object_set_new(errors, field, list);
    }
    json_array_append_new(list, json_string(problem));
}

void kal_check_needed(json_t *errors, const json_t *body, const char *field, size_t most)
{
    const json_t *value = json_object_get(body, field);

    if (!value || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        kal_check_add(errors, field, KAL_BLANK);
    else
        kal_check_text(errors, body, field, most);
}

void kal_check_text(json_t *errors, const json_t *body, const char *field, size_t most)
{
    const json_t *value = json_object_get(body, field);

    if (value && !json_is_null(value) &&
        (!json_is_string(value) || json_string_length(value) > most))
        kal_check_add(errors, field, KAL_INVALID);
}

void kal_check_object(json_t *errors, const json_t *body, const char *field)
{
    const json_t *value = json_object_get(body, field);

    if (value && !json_is_object(value))
        kal_check_add(errors, field, KAL_INVALID);
}

bool kal_check_texts(const json_t *value, size_t most)
{
    if (!json_is_array(value) || json_array_size(value) > most)
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *text = json_array_get(value, i);
        if (!json_is_string(text) || json_string_length(text) == 0 ||
            json_string_length(text) > KAL_ID_MAX)
            return false;
    }
    return true;
}
