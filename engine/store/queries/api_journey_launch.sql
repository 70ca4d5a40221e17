-- A journey shows its flow's status from now on; raises KL002 when it is gone, or around another
-- flow: $1 id, $2 flow, $3 journey time.
WITH launched AS (
    UPDATE journey SET follows = true, updated_at = $3::timestamptz
    WHERE id = $1::uuid AND flow_id = $2::uuid
    RETURNING id
)
SELECT kal_expect(count(*), 1, 'the journey has moved') FROM launched;
