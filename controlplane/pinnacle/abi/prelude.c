#include "api.h"
#include "sim/flow.h"
#include "sim/wire.h"
