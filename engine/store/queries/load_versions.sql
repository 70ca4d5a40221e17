-- Graphs of versions that instances walk.
SELECT v.flow_id, v.number, v.graph
FROM unnest($1::uuid[], $2::int4[]) AS w (flow_id, number)
JOIN flow_version v ON v.flow_id = w.flow_id AND v.number = w.number
