/* prelude.c - what the generated extension includes before its own code; nothing else. */
#include "api.h"
#include "live.h"
#include "scan.h"
#include "shm/abi_control.h"
#include "sim/flow.h"
#include "sim/rerequest.h"
#include "sim/send.h"
#include "sim/wire.h"
