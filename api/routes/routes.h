/* The handlers of the route table, by area. Each answers its request once, now or later.
 * Thread: the request's. Blocks: never. */
#ifndef KAL_API_ROUTES_H
#define KAL_API_ROUTES_H

#include "api/request.h"

void kal_route_health(kal_request *request);
void kal_route_health_ready(kal_request *request);
void kal_route_info(kal_request *request);
void kal_route_metrics(kal_request *request);
void kal_route_openapi(kal_request *request);
void kal_route_docs(kal_request *request);

void kal_route_tenants_create(kal_request *request);
void kal_route_tenants_get(kal_request *request);
void kal_route_tenants_update(kal_request *request);

void kal_route_tenant_get(kal_request *request);
void kal_route_tenant_update(kal_request *request);

void kal_route_keys_create(kal_request *request);
void kal_route_keys_update(kal_request *request);
void kal_route_keys_revoke(kal_request *request);

void kal_route_flows_create(kal_request *request);
void kal_route_flows_update(kal_request *request);
void kal_route_flows_delete(kal_request *request);
void kal_route_flows_activate(kal_request *request);
void kal_route_flows_pause(kal_request *request);
void kal_route_flows_resume(kal_request *request);
void kal_route_flows_archive(kal_request *request);
void kal_route_flows_duplicate(kal_request *request);
void kal_route_versions_create(kal_request *request);

void kal_route_journeys_create(kal_request *request);
void kal_route_journeys_update(kal_request *request);
void kal_route_journeys_delete(kal_request *request);

void kal_route_trigger(kal_request *request);
void kal_route_instances_get(kal_request *request);
void kal_route_instances_cancel(kal_request *request);
void kal_route_instances_explain(kal_request *request);
void kal_route_instances_exit(kal_request *request);
void kal_route_instances_pause(kal_request *request);
void kal_route_instances_resume(kal_request *request);
void kal_route_instances_retry(kal_request *request);

void kal_route_events(kal_request *request);
void kal_route_events_batch(kal_request *request);

void kal_route_customers_create(kal_request *request);
void kal_route_customers_update(kal_request *request);
void kal_route_customers_delete(kal_request *request);
void kal_route_customers_patch_profile(kal_request *request);
void kal_route_customers_tag(kal_request *request);
void kal_route_customers_untag(kal_request *request);
void kal_route_customers_preferences(kal_request *request);

void kal_route_webhooks_enter(kal_request *request);

void kal_route_segments_create(kal_request *request);
void kal_route_segments_update(kal_request *request);
void kal_route_segments_delete(kal_request *request);
void kal_route_segments_evaluate(kal_request *request);
void kal_route_segments_members(kal_request *request);
void kal_route_segments_add(kal_request *request);
void kal_route_segments_remove(kal_request *request);

void kal_route_plugins_create(kal_request *request);
void kal_route_plugins_get(kal_request *request);
void kal_route_plugins_delete(kal_request *request);
void kal_route_usage(kal_request *request);
void kal_route_node_types(kal_request *request);
void kal_route_node_type(kal_request *request);

void kal_route_clock_show(kal_request *request);
void kal_route_clock_advance(kal_request *request);

#endif
