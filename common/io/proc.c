#include "common/io/proc.h"
