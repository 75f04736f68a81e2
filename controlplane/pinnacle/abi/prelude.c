#include "api.h"
#include "scan.h"
#include "sim/flow.h"
#include "sim/wire.h"
