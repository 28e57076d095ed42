#include "common/base/rng.h"
