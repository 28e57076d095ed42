#include "common/store/db.h"
