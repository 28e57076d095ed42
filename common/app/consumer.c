#include "common/app/consumer.h"
