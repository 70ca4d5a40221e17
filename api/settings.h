/* A tenant's settings: what may stand in them, and the rate limits they hold.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_SETTINGS_H
#define KAL_API_SETTINGS_H

#include "api/limits.h"
#include "base/json.h"

/* Overrides the rates that the settings' JSON text names. */
void kal_settings_rates(kal_str json, kal_rate rates[KAL_RATE_CLASSES]);
/* Checks the body of a change: settings (null removes a value), and jwt_secret, which may come
 * alone. Adds {field: [problem]} to errors. */
void kal_settings_check(const json_t *body, json_t *errors);
/* Whether there is nothing in them that the operator alone may set. */
bool kal_settings_are_own(const json_t *settings);

#endif
