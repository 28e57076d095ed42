#include "common/app/app.h"
