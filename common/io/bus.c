#include "common/io/bus.h"
