#include "common/base/buf.h"
