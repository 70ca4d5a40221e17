-- Graphs of versions that instances walk, the plugins they were published with, and the artefacts
-- of these that the reader does not know: $3 hashes that it knows.
SELECT v.flow_id, v.number, v.graph, v.plugins,
    (SELECT json_object_agg(a.hash, a.content) FROM json_each_text(v.plugins) p
     JOIN artefact a ON a.hash = p.value AND a.hash <> ALL ($3::text[]))
FROM unnest($1::uuid[], $2::int4[]) AS w (flow_id, number)
JOIN flow_version v ON v.flow_id = w.flow_id AND v.number = w.number
