#include "common/store/events.h"
