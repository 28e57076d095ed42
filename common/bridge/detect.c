#include "common/bridge/detect.h"
