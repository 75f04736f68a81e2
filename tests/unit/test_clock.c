/* test_clock.c - ticks to wall-clock time: close to it, monotone, read while it is changed. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "check.h"

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The clock lies between two readings of the wall, give or take what the machine's own slewing and
 * the calibration allow. */
static void check_close(const struct clock *c, uint64_t allowed_ns)
{
    uint64_t last = 0, before = wall_ns(), now = clock_now(c, &last), after = wall_ns();
    CHECK(now + allowed_ns >= before && now <= after + allowed_ns);
}

static struct clock shared;
static atomic_int stop;

static void *read_on(void *arg)
{
    uint64_t last = 0, *backwards = arg;
    while (!atomic_load(&stop)) {
        uint64_t was = last;
        *backwards += clock_now(&shared, &last) < was;
    }
    return NULL;
}

static void test_calibrated(void)
{
    clock_init(&shared);
    check_close(&shared, 200000);
    for (int i = 0; i < 10; i++) {
        struct timespec wait = {.tv_nsec = 10000000};
        nanosleep(&wait, NULL);
        int64_t off = clock_sync(&shared);
        CHECK(off < CLOCK_STEP_NS && off > -CLOCK_STEP_NS);
        check_close(&shared, 200000);
    }
}

/* A clock that is wrong is bent, or set where it is too wrong; a reader's time never goes back. */
static void test_put_right(void)
{
    uint64_t last = 0, ahead;
    shared.ns += 50000; /* within what is slewed */
    ahead = clock_now(&shared, &last);
    CHECK(clock_sync(&shared) > 10000);
    CHECK(clock_now(&shared, &last) >= ahead);
    check_close(&shared, 250000);
    shared.ns += 5000000000ull; /* set anew */
    ahead = clock_now(&shared, &last);
    CHECK(clock_sync(&shared) > 4000000000ll);
    CHECK(clock_now(&shared, &last) >= ahead);
    check_close(&shared, 250000);
}

static void test_reader(void)
{
    pthread_t thread;
    uint64_t backwards = 0;
    pthread_create(&thread, NULL, read_on, &backwards);
    for (int i = 0; i < 2000; i++)
        clock_sync(&shared);
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    CHECK_EQ(backwards, 0);
}

int main(void)
{
    test_calibrated();
    test_reader();
    test_put_right();
    return check_done("clock");
}
