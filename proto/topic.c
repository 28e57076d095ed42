#include "proto/topic.h"
