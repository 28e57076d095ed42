-- Empties all tables of a store for the next test; making them anew would take longer than most tests.
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname LIKE 'zapkeep%'
    AND tablename NOT IN ('version', 'probe', 'steady', 'log_head') AND tablename NOT LIKE 'event_p%'
  LOOP
    EXECUTE 'TRUNCATE ' || t || ' RESTART IDENTITY';
  END LOOP;
  UPDATE zapkeep_state.steady SET shift_ms = 0, high_ms = 0;
  UPDATE zapkeep_events.log_head SET seq = 0;
  INSERT INTO zapkeep_events.meta VALUES ('id', substr(md5(random()::text), 1, 8)), ('probe', '0');
END $$
