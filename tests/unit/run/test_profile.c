/* A customer's row: what operators and flows write is what is read, and nothing else changes. */
#include "run_rig.h"

static kal_customer *ann(const rig *r)
{
    return rig_customer(r, "ann");
}

/* Does one operation in a batch of its own and loads the result anew. */
static kal_err op(rig *r, kal_customer_op kind, const char *body)
{
    kal_work *work = rig_op(r, "ann", kind, body);
    rig_act(r);
    kal_err err = work->err;
    rig_next(r, 0);
    return err;
}

static void assert_json(const json_t *value, const char *expected)
{
    json_t *json = json_of(expected);
    if (!kal_json_equal(value, json)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fail_msg("%s", text);
    }
    json_decref(json);
}

static void assert_text(kal_str text, const char *expected)
{
    assert_non_null(text.p);
    assert_true(kal_str_is(text, expected));
}

static void tags_are_a_set(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE, "{'tags':['a','b','a']}");
    assert_json(ann(&r)->tags, "['a','b']");
    op(&r, KAL_CUSTOMER_TAG, "['b','c','c']");
    assert_json(ann(&r)->tags, "['a','b','c']");
    op(&r, KAL_CUSTOMER_UNTAG, "['a','x','a']");
    assert_json(ann(&r)->tags, "['b','c']");
    op(&r, KAL_CUSTOMER_UPDATE, "{'tags':['z','z']}"); /* sets them all */
    assert_json(ann(&r)->tags, "['z']");
    op(&r, KAL_CUSTOMER_UPDATE, "{'name':'Ann'}");
    assert_json(ann(&r)->tags, "['z']");
    rig_free(&r);
}

static void a_tag_that_is_there_changes_nothing(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE, "{'tags':['a']}");
    kal_profile_tag(ann(&r), "a", true);
    kal_profile_tag(ann(&r), "b", false);
    assert_false(ann(&r)->dirty);
    kal_profile_tag(ann(&r), "b", true);
    assert_true(ann(&r)->dirty);
    rig_free(&r);
}

static void properties_and_preferences_merge(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE, "{'properties':{'a':1,'b':{'x':1}},'preferences':{'sms':true}}");
    op(&r, KAL_CUSTOMER_UPDATE, "{'properties':{'b':{'y':2},'c':null},'preferences':{'email':1}}");
    assert_json(ann(&r)->properties, "{'a':1,'b':{'y':2},'c':null}"); /* shallowly */
    assert_json(ann(&r)->preferences, "{'sms':true,'email':1}");
    op(&r, KAL_CUSTOMER_PREFERENCES, "{'sms':false,'push':true}");
    assert_json(ann(&r)->preferences, "{'sms':false,'email':1,'push':true}");
    assert_json(ann(&r)->properties, "{'a':1,'b':{'y':2},'c':null}");
    rig_free(&r);
}

/* A property, a preference or a tag of so many KB. */
static kal_err grow(rig *r, kal_customer_op kind, const char *key, unsigned kb)
{
    char *value = kal_alloc(kb * 1024);
    memset(value, 'x', kb * 1024);
    json_t *text = json_stringn(value, kb * 1024);
    kal_free(value);
    kal_work *work = rig_op(r, "ann", kind, "{}");
    json_decref(work->body);
    work->body = kind == KAL_CUSTOMER_TAG ? json_pack("[o]", text)
                 : kind == KAL_CUSTOMER_PREFERENCES
                     ? json_pack("{s:o}", key, text)
                     : json_pack("{s:{s:o}}", "properties", key, text);
    rig_act(r);
    kal_err err = work->err;
    rig_next(r, 0);
    return err;
}

/* A profile that could not be read again would be written empty. */
static void a_profile_stays_within_64_kb(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE, "{'tags':['a']}");
    assert_int_equal(grow(&r, KAL_CUSTOMER_UPDATE, "one", 40), KAL_OK);
    assert_int_equal(grow(&r, KAL_CUSTOMER_UPDATE, "one", 50), KAL_OK); /* instead of the 40 */
    assert_int_equal(grow(&r, KAL_CUSTOMER_UPSERT, "two", 14), KAL_ERR_VALIDATION_FAILED);
    assert_int_equal(grow(&r, KAL_CUSTOMER_PREFERENCES, "two", 14), KAL_ERR_VALIDATION_FAILED);
    assert_int_equal(grow(&r, KAL_CUSTOMER_TAG, NULL, 14), KAL_ERR_VALIDATION_FAILED);
    assert_int_equal(json_object_size(ann(&r)->properties), 1);
    assert_json(ann(&r)->preferences, "{}");
    assert_json(ann(&r)->tags, "['a']");
    assert_int_equal(grow(&r, KAL_CUSTOMER_PREFERENCES, "two", 13), KAL_OK);
    rig_free(&r);
}

static void columns_are_set_and_cleared(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE,
       "{'email':'a@b.c','phone':'+49','name':'Ann','timezone':'Europe/Berlin'}");
    op(&r, KAL_CUSTOMER_UPDATE, "{'phone':null,'name':''}");
    assert_text(ann(&r)->email, "a@b.c");
    assert_null(ann(&r)->phone.p);
    assert_text(ann(&r)->name, "");
    assert_text(ann(&r)->timezone, "Europe/Berlin");
    rig_free(&r);
}

static void operations_know_who_exists(void **state)
{
    rig r = rig_new(state);
    const kal_customer_op others[] = {KAL_CUSTOMER_UPDATE, KAL_CUSTOMER_TAG, KAL_CUSTOMER_UNTAG,
                                      KAL_CUSTOMER_PREFERENCES};
    const char *bodies[] = {"{}", "['a']", "['a']", "{}"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(op(&r, others[i], bodies[i]), KAL_ERR_NOT_FOUND);
    assert_false(ann(&r)->exists);
    assert_int_equal(op(&r, KAL_CUSTOMER_UPSERT, "{'name':'A'}"), KAL_OK);
    assert_int_equal(op(&r, KAL_CUSTOMER_CREATE, "{'name':'B'}"), KAL_ERR_VALIDATION_FAILED);
    assert_text(ann(&r)->name, "A");
    assert_int_equal(op(&r, KAL_CUSTOMER_UPSERT, "{'email':'e'}"), KAL_OK);
    assert_text(ann(&r)->name, "A");
    rig_free(&r);
}

static void an_answer_shows_the_customer(void **state)
{
    char error[160];
    rig r = rig_new(state);
    kal_work *work = rig_op(&r, "ann", KAL_CUSTOMER_CREATE, "{'name':'Ann','tags':['a']}");
    rig_act(&r);
    json_t *shown = kal_json_parse((kal_str){work->answer.data, work->answer.len}, error);
    assert_int_equal(kal_json_get_str(shown, "id").n, KAL_UUID_TEXT);
    json_object_del(shown, "id");
    assert_json(shown,
                "{'external_id':'ann','email':null,'phone':null,'name':'Ann','timezone':null,"
                "'properties':{},'tags':['a'],'preferences':{},"
                "'created_at':'2026-09-21T14:13:20.000Z','last_seen_at':null}");
    json_decref(shown);
    assert_int_equal(kal_flush_rows(r.batch->flush), 1);
    rig_free(&r);
}

static void flows_write_columns_and_properties(void **state)
{
    rig r = rig_new(state);
    op(&r, KAL_CUSTOMER_CREATE,
       "{'email':'old','phone':'1','properties':{'plan':'free','keep':1}}");
    json_t *fields = json_of("{'email':'new','phone':null,'plan':'gold','score':4.5,'list':[1],"
                             "'tags':'x'}");
    uint32_t stamp = ann(&r)->stamp;
    char error[160];
    assert_true(kal_profile_update(r.batch, ann(&r), fields, error));
    json_decref(fields);
    assert_text(ann(&r)->email, "new");
    assert_null(ann(&r)->phone.p);
    assert_json(ann(&r)->properties, "{'plan':'gold','keep':1,'score':4.5,'list':[1],'tags':'x'}");
    assert_json(ann(&r)->tags, "[]");
    assert_true(ann(&r)->dirty);
    assert_true(ann(&r)->stamp != stamp); /* contexts see it */
    rig_free(&r);
}

/* What a flow writes is held to the same as what the API takes. */
static void a_flow_writes_no_column_that_is_wrong(void **state)
{
    rig r = rig_new(state);
    char error[160];
    char text[300];
    rig_op(&r, "ann", KAL_CUSTOMER_CREATE, "{'email':'old'}");
    rig_act(&r);
    snprintf(text, sizeof text, "{'plan':'gold','email':'%0256d'}", 7);
    json_t *big = json_of(text);
    json_t *zone = json_of("{'plan':'gold','timezone':'Mars/Base'}");
    json_t *right = json_of("{'timezone':'Asia/Tokyo'}");
    assert_false(kal_profile_update(r.batch, ann(&r), big, error));
    assert_string_equal(error, "the customer's email is longer than 255 bytes");
    assert_false(kal_profile_update(r.batch, ann(&r), zone, error));
    assert_string_equal(error, "the customer's timezone is not a known time zone");
    assert_text(ann(&r)->email, "old");
    assert_json(ann(&r)->properties, "{}");
    assert_true(kal_profile_update(r.batch, ann(&r), right, error));
    assert_text(ann(&r)->timezone, "Asia/Tokyo");
    json_decref(big);
    json_decref(zone);
    json_decref(right);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_a_set),
        cmocka_unit_test(a_tag_that_is_there_changes_nothing),
        cmocka_unit_test(properties_and_preferences_merge),
        cmocka_unit_test(a_profile_stays_within_64_kb),
        cmocka_unit_test(columns_are_set_and_cleared),
        cmocka_unit_test(operations_know_who_exists),
        cmocka_unit_test(an_answer_shows_the_customer),
        cmocka_unit_test(flows_write_columns_and_properties),
        cmocka_unit_test(a_flow_writes_no_column_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
