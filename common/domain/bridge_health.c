#include "common/domain/bridge_health.h"

const char *bridge_health_text(enum bridge_health h)
{
    static const char *const texts[] = { "unknown", "up", "down" };

    return texts[h];
}
