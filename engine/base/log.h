/* The log: one JSON line an event on standard error, with phones, e-mails and keys masked.
 * Invariant: a line is written with one write(2); lines of two threads never mix.
 * Thread: any. Blocks: as long as standard error does. */
#ifndef KAL_BASE_LOG_H
#define KAL_BASE_LOG_H

typedef enum kal_log_level {
    KAL_LOG_DEBUG,
    KAL_LOG_INFO,
    KAL_LOG_WARN,
    KAL_LOG_ERROR
} kal_log_level;

/* Sets the least level that is written (process-wide, at start; the default is info). */
void kal_log_set_level(kal_log_level level);
/* Sends lines to another descriptor (tests). */
void kal_log_set_fd(int fd);
/* Reads "debug", "info", "warn" or "error"; false for anything else. */
_Bool kal_log_parse_level(const char *text, kal_log_level *out);

/* Writes {"time","level","event", key: value…}. The arguments after event are pairs of C strings
 * (key, value), closed by NULL; a value of NULL leaves its pair out. Values are masked and escaped:
 * e-mails keep the first letter and the domain's last label, phone numbers the last two digits,
 * keys (kal_…, whsec_…, Bearer …) nothing. */
void kal_log(kal_log_level level, const char *event, ...) __attribute__((sentinel));

/* Masks text into out as kal_log does (for ledgers and errors); out is NUL-terminated. */
struct kal_buf;
void kal_log_mask(const char *text, struct kal_buf *out);

#endif
