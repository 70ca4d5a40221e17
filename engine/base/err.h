/* Errors: one list of codes with the HTTP status and the text that people read.
 * Invariant: every fallible public function answers one of these; KAL_OK is zero.
 * Thread: any. Blocks: never. */
#ifndef KAL_BASE_ERR_H
#define KAL_BASE_ERR_H

/* X(NAME, "code", HTTP status, "text"): the codes are those of the API's error answers. */
#define KAL_ERRORS(X)                                                                              \
    X(MALFORMED_JSON, "malformed_json", 400, "the body is not valid JSON")                         \
    X(CUSTOMER_ID_REQUIRED, "customer_id_required", 400, "customer_id is required")                \
    X(EVENT_TYPE_REQUIRED, "event_type_required", 400, "event_type is required")                   \
    X(BAD_REQUEST, "bad_request", 400, "the request cannot be understood")                         \
    X(INVALID_IDEMPOTENCY_KEY, "invalid_idempotency_key", 400,                                     \
      "an Idempotency-Key has 16 to 255 characters")                                               \
    X(INVALID_API_KEY, "invalid_api_key", 401, "the API key is missing, unknown or revoked")       \
    X(INVALID_SIGNATURE, "invalid_signature", 401, "the signature is missing, wrong or too old")   \
    X(FORBIDDEN, "forbidden", 403, "the key's role does not allow this")                           \
    X(NOT_FOUND, "not_found", 404, "there is no such thing here")                                  \
    X(VERSION_NOT_FOUND, "version_not_found", 404, "the flow has no such version")                 \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "the route does not know this method")        \
    X(FLOW_NOT_DRAFT, "flow_not_draft", 409, "only a draft flow can be changed or deleted")        \
    X(JOURNEY_NOT_DRAFT, "journey_not_draft", 409,                                                 \
      "only a draft journey can be changed or deleted")                                            \
    X(NO_ACTIVE_VERSION, "no_active_version", 409, "the flow has no active version")               \
    X(NO_DRAFT_VERSION, "no_draft_version", 409, "the flow has no draft version to publish")       \
    X(ALREADY_IN_FLOW, "already_in_flow", 409, "the customer is in this flow already")             \
    X(NOT_CANCELLABLE, "not_cancellable", 409, "the instance has ended already")                   \
    X(INVALID_TRANSITION, "invalid_transition", 409, "the status does not allow this move")        \
    X(IN_USE, "in_use", 409, "something else still uses it")                                       \
    X(REENTRY_NOT_ALLOWED, "reentry_not_allowed", 409, "the customer may not enter again yet")     \
    X(IDEMPOTENCY_CONFLICT, "idempotency_conflict", 409,                                           \
      "the Idempotency-Key was used for another request")                                          \
    X(IN_PROGRESS, "in_progress", 409, "the request with this Idempotency-Key is under way")       \
    X(TOO_LARGE, "payload_too_large", 413, "the body is over the limit")                           \
    X(VALIDATION_FAILED, "validation_failed", 422, "some fields are wrong")                        \
    X(FLOW_NOT_ACTIVE, "flow_not_active", 422, "the flow is not active")                           \
    X(INVALID_GRAPH, "invalid_graph", 422, "the graph has problems")                               \
    X(INVALID_VERSION_NUMBER, "invalid_version_number", 422, "the version is no whole number")     \
    X(CONTEXT_TOO_LARGE, "context_too_large", 422, "the instance's context is over 256 KB")        \
    X(RATE_LIMIT_EXCEEDED, "rate_limit_exceeded", 429, "too many requests; retry later")           \
    X(FREQUENCY_CAP_EXCEEDED, "frequency_cap_exceeded", 429, "the customer got enough messages")   \
    X(QUOTA_EXCEEDED, "quota_exceeded", 429, "a quota of the tenant is used up")                   \
    X(INTERNAL, "internal_error", 500, "the server failed; the log tells why")                     \
    X(UNAVAILABLE, "unavailable", 503, "the database is away; repeat the request later")           \
    X(FENCED, "unavailable", 503, "another process has taken this shard over")

typedef enum kal_err {
    KAL_OK = 0,
#define X(name, code, status, text) KAL_ERR_##name,
    KAL_ERRORS(X)
#undef X
} kal_err;

#define KAL_MUST_USE __attribute__((warn_unused_result))

/* The API's code of an error ("not_found"), "ok" for KAL_OK. Static text. */
const char *kal_err_code(kal_err err);
/* The HTTP status of an error, 200 for KAL_OK. */
int kal_err_status(kal_err err);
/* One sentence for people. Static text. */
const char *kal_err_text(kal_err err);

#endif
