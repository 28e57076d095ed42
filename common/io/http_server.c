#include "common/io/http_server.h"
