#include "common/store/postgres/thread.h"

struct pg_thread *pg_thread(void)
{
    static _Thread_local struct pg_thread thread;

    return &thread;
}
