-- A customer's rows in customer_tag by their whole key, and only those that change. A join with the
-- tags reads all of the tenant's rows where the planner knows nothing of the table yet, which made
-- the first half minute of a new server's life quadratic.
CREATE OR REPLACE FUNCTION kal_customer_tags() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone text;
BEGIN
    FOR gone IN
        SELECT json_array_elements_text(OLD.tags) EXCEPT SELECT json_array_elements_text(NEW.tags)
    LOOP
        DELETE FROM customer_tag
        WHERE tenant_id = OLD.tenant_id AND tag = gone AND customer_uuid = OLD.id;
    END LOOP;
    INSERT INTO customer_tag (tenant_id, tag, customer_uuid)
    SELECT NEW.tenant_id, tag, NEW.id FROM (
        SELECT json_array_elements_text(NEW.tags) EXCEPT SELECT json_array_elements_text(OLD.tags)
    ) AS added (tag)
    WHERE octet_length(tag) <= 255;
    RETURN NULL;
END $$;
