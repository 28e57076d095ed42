#include "common/bridge/cause.h"
