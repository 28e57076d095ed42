#include "common/io/loop.h"
