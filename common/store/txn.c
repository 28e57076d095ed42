#include "common/store/txn.h"

int txn_begin(struct txn *t, struct db *db)
{
    *t = (struct txn){ .db = db, .own = !db_in_transaction(db) };
    return t->own ? db_begin(db) : 0;
}

int txn_begin_bridge(struct txn *t, struct db *db, const char *bridge)
{
    *t = (struct txn){ .db = db, .own = !db_in_transaction(db) };
    return t->own ? db_begin_bridge(db, bridge) : 0;
}

int txn_end(const struct txn *t, int r)
{
    int c = 0;

    if (t->own && r < 0)
        db_rollback(t->db);
    else if (t->own)
        c = db_commit(t->db);
    return c != 0 ? c : r;
}
