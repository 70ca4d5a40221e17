#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A process has one standard error, so these are its own too. */
static _Atomic int least = KAL_LOG_INFO;
static _Atomic int target = STDERR_FILENO;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static const char *const levels[] = {"debug", "info", "warn", "error"};

void kal_log_set_level(kal_log_level level)
{
    atomic_store(&least, level);
}

void kal_log_set_fd(int fd)
{
    atomic_store(&target, fd);
}

_Bool kal_log_parse_level(const char *text, kal_log_level *out)
{
    for (unsigned i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(text, levels[i]) == 0) {
            *out = (kal_log_level)i;
            return true;
        }
    }
    return false;
}

static void write_text(kal_buf *line, kal_str text)
{
    kal_buf valid = {0};
    if (kal_str_utf8(text)) {
        kal_json_write_str(line, text);
        return;
    }
    for (size_t i = 0; i < text.n; i++)
        kal_buf_putc(&valid, (unsigned char)text.p[i] < 0x80 ? text.p[i] : '?');
    kal_json_write_str(line, (kal_str){valid.data, valid.len});
    kal_buf_deinit(&valid);
}

static void write_pair(kal_buf *line, const char *key, const char *value)
{
    kal_buf masked = {0};
    kal_log_mask(value, &masked);
    kal_buf_putc(line, ',');
    write_text(line, kal_str_of(key));
    kal_buf_putc(line, ':');
    write_text(line, (kal_str){masked.data, masked.len});
    kal_buf_deinit(&masked);
}

/* A slow reader may take a long line in parts: the lock keeps other lines from between them. */
static void write_line(const kal_buf *line)
{
    size_t done = 0;
    int fd = atomic_load(&target);
    pthread_mutex_lock(&writing);
    while (done < line->len) {
        ssize_t n = write(fd, line->data + done, line->len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (n == 0 || errno != EINTR)
            break; /* there is nowhere left to tell it */
    }
    pthread_mutex_unlock(&writing);
}

void kal_log(kal_log_level level, const char *event, ...)
{
    kal_buf line = {0};
    char time[KAL_TIME_TEXT + 1];
    const char *key;
    va_list args;
    if ((int)level < atomic_load(&least))
        return;
    kal_clock_format(kal_clock_real_ms(), time);
    kal_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, levels[level]);
    write_text(&line, kal_str_of(event));
    va_start(args, event);
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);
        if (value)
            write_pair(&line, key, value);
    }
    va_end(args);
    kal_buf_puts(&line, "}\n");
    write_line(&line);
    kal_buf_deinit(&line);
}
