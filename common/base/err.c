#include "common/base/err.h"
