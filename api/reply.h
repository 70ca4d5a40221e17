/* Answers: status, JSON body, the headers that every answer carries.
 * Invariant: a request is answered at most once; what comes after that, or after the client hung
 * up, is dropped.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_REPLY_H
#define KAL_API_REPLY_H

#include "api/request.h"

/* Answers with a JSON text (copied). */
void kal_reply(kal_request *request, int status, const char *body, size_t len);
/* The same with another content type (static text). */
void kal_reply_typed(kal_request *request, int status, const char *type, const char *body,
                     size_t len);
/* Adds a header (copied) to the answer to come; the name is static text. */
void kal_reply_header(kal_request *request, const char *name, const char *value);
/* What HTTP calls a status ("Not Found"). Static text. */
const char *kal_reply_reason(int status);
/* {"error", "message"}; NULL: the code's own text. */
void kal_reply_error(kal_request *request, kal_err err, const char *message);
/* {"error": code, "errors": errors}; takes the reference over. */
void kal_reply_errors(kal_request *request, kal_err err, json_t *errors);
/* Whether there are no problems of fields; else 422 validation_failed with them. Takes over too. */
bool kal_reply_checked(kal_request *request, json_t *errors);
/* 422 validation_failed with one field. */
void kal_reply_invalid(kal_request *request, const char *field, const char *problem);
/* 429 with its header; seconds are at least 1. */
void kal_reply_limited(kal_request *request, int64_t retry_after);
/* {"data": json}. */
void kal_reply_data(kal_request *request, int status, kal_str json);
/* A value as the whole answer; takes the reference over. */
void kal_reply_json(kal_request *request, int status, json_t *value);
/* True when the reply is an error: it has been answered (and logged when it is the server's). */
bool kal_reply_failed(kal_request *request, const kal_pg_reply *reply);
/* The client hung up. */
void kal_reply_gone(kal_request *request);

#endif
