#include "common/bridge/webhook.h"
