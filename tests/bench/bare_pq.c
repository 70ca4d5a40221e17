/* bare_pq CONNINFO CONNECTIONS SECONDS: yardstick P. Writes the rows of events with ids (event and
 * event_dedupe, found by the search_path) in batches of 1000 by unnest, each batch one transaction,
 * one connection a thread, the next batch after the last one's commit. Arrays are binary, as the
 * engine's. Prints one JSON object. */
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1000
#define MAX_THREADS 64
#define UNIX_2000 INT64_C(946684800)
#define SPACE (BATCH * 128)
#define EVENT_COLUMNS 9
#define DEDUPE_COLUMNS 7

static const char insert_event[] =
    "INSERT INTO event (id, tenant_id, customer_key, customer_id, event_id, event_type, data, "
    "occurred_at, received_at) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int8[], "
    "$4::text[], $5::text[], $6::text[], $7::json[], $8::timestamptz[], $9::timestamptz[])";
static const char insert_dedupe[] =
    "INSERT INTO event_dedupe (customer_key, event_id, tenant_id, routed, started, held, "
    "received_at) SELECT * FROM unnest($1::int8[], $2::text[], $3::uuid[], $4::int4[], $5::int4[], "
    "$6::int4[], $7::timestamptz[]) ON CONFLICT DO NOTHING";

typedef struct column {
    char *data;
    size_t len;
} column;

typedef struct writer {
    pthread_t thread;
    PGconn *pg;
    column columns[EVENT_COLUMNS];
    uint64_t rows;
} writer;

static atomic_uint_fast64_t next_row;
static atomic_bool over;

enum {
    BY_ID,
    BY_TENANT,
    BY_KEY,
    BY_CUSTOMER,
    BY_EVENT,
    BY_TYPE,
    BY_DATA,
    BY_OCCURRED,
    BY_RECEIVED
};

static void die(const char *what)
{
    fprintf(stderr, "bare_pq: %s\n", what);
    exit(1);
}

static void put32(column *c, uint32_t value)
{
    value = htonl(value);
    memcpy(c->data + c->len, &value, 4);
    c->len += 4;
}

static void put_bytes(column *c, const void *data, size_t len)
{
    put32(c, (uint32_t)len);
    memcpy(c->data + c->len, data, len);
    c->len += len;
}

static void put64(column *c, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    put_bytes(c, &wire, 8);
}

/* One dimension, no nulls but where a column is all null. */
static void begin(column *c, uint32_t oid, bool nulls)
{
    c->len = 0;
    put32(c, 1);
    put32(c, nulls);
    put32(c, oid);
    put32(c, BATCH);
    put32(c, 1);
}

static void fill(writer *w, uint64_t base, int64_t now_us)
{
    static const uint32_t oids[EVENT_COLUMNS] = {2950, 2950, 20, 25, 25, 25, 114, 1184, 1184};
    static const char type[] = "page_viewed", data[] = "{\"path\":\"/pricing\",\"n\":1}";
    char text[40];
    uint64_t id[2] = {0, 0}, tenant[2] = {1, 1};

    for (int i = 0; i < EVENT_COLUMNS; i++)
        begin(&w->columns[i], oids[i], i == BY_OCCURRED);
    for (uint64_t i = 0; i < BATCH; i++) {
        uint64_t n = base + i, customer = n % 100000;
        id[0] =
            htobe64(((uint64_t)(now_us / 1000 + UNIX_2000 * 1000)) << 16 | 0x7000 | (n & 0xfff));
        id[1] = htobe64(UINT64_C(1) << 63 | n);
        put_bytes(&w->columns[BY_ID], id, 16);
        put_bytes(&w->columns[BY_TENANT], tenant, 16);
        put64(&w->columns[BY_KEY], (int64_t)(customer * UINT64_C(0x9e3779b97f4a7c15)));
        int len = snprintf(text, sizeof(text), "c%010llu", (unsigned long long)customer);
        put_bytes(&w->columns[BY_CUSTOMER], text, (size_t)len);
        len = snprintf(text, sizeof(text), "e%010llu", (unsigned long long)n);
        put_bytes(&w->columns[BY_EVENT], text, (size_t)len);
        put_bytes(&w->columns[BY_TYPE], type, sizeof(type) - 1);
        put_bytes(&w->columns[BY_DATA], data, sizeof(data) - 1);
        put32(&w->columns[BY_OCCURRED], UINT32_MAX);
        put64(&w->columns[BY_RECEIVED], now_us);
    }
}

static void send_prepared(PGconn *pg, const char *name, const column *const *columns, int n)
{
    const char *values[EVENT_COLUMNS];
    int lengths[EVENT_COLUMNS], formats[EVENT_COLUMNS];

    for (int i = 0; i < n; i++) {
        values[i] = columns[i]->data;
        lengths[i] = (int)columns[i]->len;
        formats[i] = 1;
    }
    if (!PQsendQueryPrepared(pg, name, n, values, lengths, formats, 1))
        die(PQerrorMessage(pg));
}

static void take_results(PGconn *pg)
{
    for (int i = 0; i < 2; i++) {
        PGresult *result = PQgetResult(pg);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die(PQresultErrorMessage(result));
        PQclear(result);
        PQclear(PQgetResult(pg)); /* the null after each statement */
    }
    PGresult *sync = PQgetResult(pg);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
        die("no sync");
    PQclear(sync);
}

static int64_t now_us_2000(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - UNIX_2000) * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void *run(void *data)
{
    writer *w = data;
    column zero = {malloc(SPACE), 0};
    const column *event[EVENT_COLUMNS];
    const column *dedupe[DEDUPE_COLUMNS] = {
        &w->columns[BY_KEY],     &w->columns[BY_EVENT], &w->columns[BY_TENANT], &zero, &zero, &zero,
        &w->columns[BY_RECEIVED]};
    uint32_t none = 0;

    begin(&zero, 23, false);
    for (int i = 0; i < BATCH; i++)
        put_bytes(&zero, &none, 4);
    for (int i = 0; i < EVENT_COLUMNS; i++)
        event[i] = &w->columns[i];
    while (!atomic_load(&over)) {
        fill(w, atomic_fetch_add(&next_row, BATCH), now_us_2000());
        send_prepared(w->pg, "event", event, EVENT_COLUMNS);
        send_prepared(w->pg, "dedupe", dedupe, DEDUPE_COLUMNS);
        if (!PQpipelineSync(w->pg))
            die(PQerrorMessage(w->pg));
        take_results(w->pg);
        w->rows += BATCH;
    }
    free(zero.data);
    return NULL;
}

static void prepare(PGconn *pg, const char *name, const char *sql)
{
    PGresult *result = PQprepare(pg, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(PQresultErrorMessage(result));
    PQclear(result);
}

static void connect_writer(writer *w, const char *conninfo)
{
    w->pg = PQconnectdb(conninfo);
    if (PQstatus(w->pg) != CONNECTION_OK)
        die(PQerrorMessage(w->pg));
    prepare(w->pg, "event", insert_event);
    prepare(w->pg, "dedupe", insert_dedupe);
    if (!PQenterPipelineMode(w->pg))
        die("no pipeline mode");
    for (int i = 0; i < EVENT_COLUMNS; i++)
        w->columns[i].data = malloc(SPACE);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static writer writers[MAX_THREADS];
    int n = argc == 4 ? atoi(argv[2]) : 0;
    uint64_t rows = 0;

    if (n < 1 || n > MAX_THREADS)
        die("usage: bare_pq CONNINFO CONNECTIONS SECONDS");
    double wanted = atof(argv[3]);
    for (int i = 0; i < n; i++)
        connect_writer(&writers[i], argv[1]);
    /* Ids of earlier runs are left alone. */
    atomic_store(&next_row, (uint64_t)time(NULL) % 1000000 * 1000000);
    double began = seconds_now();
    for (int i = 0; i < n; i++)
        pthread_create(&writers[i].thread, NULL, run, &writers[i]);
    nanosleep(&(struct timespec){(time_t)wanted, (long)((wanted - (double)(time_t)wanted) * 1e9)},
              NULL);
    atomic_store(&over, true);
    for (int i = 0; i < n; i++) {
        pthread_join(writers[i].thread, NULL);
        rows += writers[i].rows;
        PQfinish(writers[i].pg);
    }
    printf("{\"rows\":%llu,\"per_second\":%.1f}\n", (unsigned long long)rows,
           (double)rows / (seconds_now() - began));
    return 0;
}
