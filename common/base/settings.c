#include "common/base/settings.h"
