#include "api.h"
#include "sim/flow.h"
