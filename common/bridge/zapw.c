#include "common/bridge/driver.h"
