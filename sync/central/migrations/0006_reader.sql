-- The views call these with the rights of whoever reads, so a reader needs them. They
-- read nothing: each only turns its argument into another form.
SET LOCAL ROLE esp_owner;

GRANT EXECUTE ON FUNCTION esp.quality_name(int), esp.reason_name(int), esp.float32(bigint), esp.number(jsonb), esp.moment(text) TO esp_reader;
