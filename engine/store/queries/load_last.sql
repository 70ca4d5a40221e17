-- When customers' last instances of flows ended (null: one is live).
SELECT w.customer_key, w.flow_id,
    CASE WHEN bool_or(i.status IN ('running', 'waiting', 'paused')) THEN NULL
         ELSE max(coalesce(i.completed_at, i.exited_at, i.entered_at)) END
FROM unnest($1::int8[], $2::uuid[]) AS w (customer_key, flow_id)
JOIN instance i ON i.customer_key = w.customer_key AND i.flow_id = w.flow_id
GROUP BY w.customer_key, w.flow_id
