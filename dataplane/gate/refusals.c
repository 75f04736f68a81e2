/* refusals.c - labels of the table in refusals.h. */
#include "gate/refusals.h"

#include <stddef.h>

#include "shm/trade.h"

_Static_assert((int)PN_REFUSAL_COUNT <= (int)PN_REFUSALS_MAX, "grow PN_REFUSALS_MAX");

static const char *const labels[] = {NULL,
#define REFUSAL(id, label, help) label,
                                     PN_REFUSALS(REFUSAL)
#undef REFUSAL
};

static const char *const helps[] = {NULL,
#define REFUSAL(id, label, help) help,
                                    PN_REFUSALS(REFUSAL)
#undef REFUSAL
};

const char *refusal_label(uint32_t refusal)
{
    return refusal < PN_REFUSAL_COUNT ? labels[refusal] : NULL;
}

const char *refusal_help(uint32_t refusal)
{
    return refusal < PN_REFUSAL_COUNT ? helps[refusal] : NULL;
}

const char *pn_refusal_label(uint32_t refusal)
{
    return refusal_label(refusal);
}

const char *pn_refusal_help(uint32_t refusal)
{
    return refusal_help(refusal);
}
