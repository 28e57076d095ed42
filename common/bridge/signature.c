#include "common/bridge/signature.h"
