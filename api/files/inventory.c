#include "api/files/inventory.h"

#include "api/database.h"
#include "api/files/refs.h"
#include "store/pool.h"

#define PAGE 100 /* a flow with its graph is up to some megabytes */

typedef struct loading {
    kal_items *items;
    const kal_item_kind *kind;
    kal_uuid above;
    size_t found; /* rows of the last page */
    kal_buf *error;
} loading;

static void add(loading *l, const kal_pg_rows *rows, size_t row)
{
    char error[160], id[KAL_UUID_TEXT + 1];
    json_t *object = kal_json_parse(kal_pg_str(rows, row, 2), error);

    l->above = kal_pg_uuid(rows, row, 0);
    if (!object) {
        kal_uuid_format(l->above, id);
        kal_buf_printf(l->error, "%s %s cannot be written to a file: %s", l->kind->name, id, error);
        return;
    }
    kal_item *item = kal_items_add(l->items, l->kind, object);
    item->id = l->above;
    item->is_draft = kal_str_is(kal_pg_str(rows, row, 1), "draft");
    item->last_version = kal_pg_int(rows, row, 3);
}

static void on_page(void *data, const kal_pg_reply *reply)
{
    loading *l = data;

    if (reply->err != KAL_OK) {
        kal_buf_puts(l->error,
                     reply->message && *reply->message ? reply->message : kal_err_text(reply->err));
        return;
    }
    l->found = kal_pg_count(reply->rows[1]);
    for (size_t i = 0; i < l->found && !l->error->len; i++)
        add(l, reply->rows[1], i);
}

static void load_page(loading *l, const char *conninfo, kal_uuid tenant)
{
    kal_pg_call *call = kal_pool_tenant_call(tenant);
    kal_args *args = kal_args_new();

    kal_args_add(args, kal_v_uuid(l->above));
    kal_args_add(args, kal_v_int(KAL_INT4, PAGE));
    kal_pg_call_add(call, l->kind->list, args);
    l->found = 0;
    kal_database_tenant_call(conninfo, call, on_page, l);
}

bool kal_inventory_load(const char *conninfo, kal_uuid tenant, kal_items *items, kal_buf *error)
{
    size_t count;
    const kal_item_kind *kinds = kal_item_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        loading l = {.items = items, .kind = &kinds[i], .error = error};
        do
            load_page(&l, conninfo, tenant);
        while (l.found == PAGE && !error->len);
    }
    kal_items_number(items);
    for (size_t i = 0; i < items->n; i++)
        kal_refs_name(items->list[i].object, items);
    return !error->len;
}
