"""A disk below the state that is full, on either engine: `from full_disk import full_disk  # noqa: F401`, and the test has the fixture."""

import pytest

FUNCTION = "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room' USING ERRCODE = '53100'; END $$"
EACH_TABLE = ("DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'zapkeep_state' LOOP"
              " EXECUTE format('{}', t); END LOOP; END $$")
ROOM = EACH_TABLE.format("DROP TRIGGER IF EXISTS refuses ON %I")
WITHOUT = {
    "row": EACH_TABLE.format("CREATE TRIGGER refuses BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse()"),
    "commit": EACH_TABLE.format("CREATE CONSTRAINT TRIGGER refuses AFTER INSERT OR UPDATE OR DELETE ON %I"
                                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"),
}
FAULTS = {"row": ["write 28 state.db-journal", "write 28 state.db"], "commit": ["write 28 state.db"]}


@pytest.fixture
def full_disk(stack, faults):
    """full_disk("row"): the state takes none; full_disk("commit"): it takes rows, and refuses their commit; full_disk(None): there is room
    again. Whom it is for is started with **full_disk.env."""
    def in_a_folder(what):
        faults(*(FAULTS[what] if what else []))

    def in_a_database(what):
        stack.sql("state", FUNCTION)
        stack.sql("state", ROOM)
        if what:
            stack.sql("state", WITHOUT[what])

    use = in_a_database if stack.store else in_a_folder
    use.env = faults.env
    return use
