/* reasons.c - labels of the table in reasons.h. */
#include "base/reasons.h"

#include <stddef.h>

#include "shm/abi.h"

_Static_assert((int)PN_REASON_COUNT <= (int)PN_REASONS_MAX, "grow PN_REASONS_MAX");

static const char *const labels[] = {
#define REASON(id, label, help) label,
    PN_REASONS(REASON)
#undef REASON
};

static const char *const helps[] = {
#define REASON(id, label, help) help,
    PN_REASONS(REASON)
#undef REASON
};

const char *reason_label(uint32_t reason)
{
    return reason < PN_REASON_COUNT ? labels[reason] : NULL;
}

const char *reason_help(uint32_t reason)
{
    return reason < PN_REASON_COUNT ? helps[reason] : NULL;
}
