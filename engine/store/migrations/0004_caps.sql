-- Messages of a customer, counted by frequency caps; and the wait that a delivery's result resumes.

CREATE INDEX delivery_customer ON delivery (customer_key, created_at);
ALTER TABLE delivery ADD COLUMN awaited_by integer; -- a wait's number in the instance
