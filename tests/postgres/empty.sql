-- Empties all tables of a store for the next test; making them anew would take longer than most tests.
DO $$
DECLARE t text; used bool;
BEGIN
  FOR t IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname LIKE 'zapkeep%'
    AND tablename NOT IN ('version', 'probe', 'steady', 'log_head') AND tablename NOT LIKE 'event_p%'
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', t) INTO used;
    IF used THEN
      EXECUTE 'DELETE FROM ' || t;
    END IF;
  END LOOP;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname LIKE 'zapkeep%';
  UPDATE zapkeep_state.steady SET shift_ms = 0, high_ms = 0;
  UPDATE zapkeep_events.log_head SET seq = 0;
  INSERT INTO zapkeep_events.meta VALUES ('id', substr(md5(random()::text), 1, 8)), ('probe', '0');
END $$
