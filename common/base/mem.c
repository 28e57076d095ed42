#include "common/base/mem.h"
