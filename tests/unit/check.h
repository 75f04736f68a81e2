/* check.h - the whole C test harness: CHECK counts and reports, check_done is main's result. */
#ifndef PN_TESTS_CHECK_H
#define PN_TESTS_CHECK_H

#include <stdio.h>

enum { CHECK_SKIP = 77 }; /* exit code: cannot run here, and says why on standard output */

static unsigned check_total;
static unsigned check_failed;

#define CHECK(cond) \
    do { \
        check_total++; \
        if (!(cond)) { \
            check_failed++; \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
        } \
    } while (0)

#define CHECK_EQ(a, b) \
    do { \
        long long check_a = (long long)(a), check_b = (long long)(b); \
        check_total++; \
        if (check_a != check_b) { \
            check_failed++; \
            fprintf(stderr, "%s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, check_a, \
                    #b, check_b); \
        } \
    } while (0)

static inline int check_done(const char *name)
{
    printf("%s: %u checks, %u failed\n", name, check_total, check_failed);
    return check_failed || !check_total;
}

#endif
