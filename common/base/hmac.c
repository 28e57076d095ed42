#include "common/base/hmac.h"
