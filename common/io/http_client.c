#include "common/io/http_client.h"
