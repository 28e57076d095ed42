/*
 * A rollback journal that stays (journal_mode PERSIST) is in its folder for good once the folder was synced.
 * SQLite opens it anew for each transaction and cannot know: it syncs the folder each time, one of five
 * syncs.
 */
#pragma once

/* For all connections of the process, from now on: the folder of a "-journal" file is synced when that file
 * is another one than the last time. What is done to other files and to folders stays as it is. */
void journal_dir_sync_once(void);
