/* A tenant's settings: what may stand in them, and the rate limits they hold.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_SETTINGS_H
#define KAL_API_SETTINGS_H

#include "api/limits.h"
#include "base/json.h"

/* Overrides the rates that the settings' JSON text names. */
void kal_settings_rates(kal_str json, kal_rate rates[KAL_RATE_CLASSES]);
/* Checks settings sent by the operator; adds {field: [problem]} to errors. Null removes a value. */
void kal_settings_check(const json_t *settings, json_t *errors);

#endif
