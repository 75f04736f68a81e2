/*
 * counted.h - the functions that must not be called while frames flow, one row each. meson.build
 * hands the same names to the linker (--wrap), so that every call from the library or from this
 * test goes through a counter. A name that is missing there would count nothing: purity.c calls
 * some of them on purpose and expects them to be seen.
 */
#ifndef PN_TESTS_COUNTED_H
#define PN_TESTS_COUNTED_H

#define COUNTED_FUNCTIONS(ROW) \
    ROW(malloc) \
    ROW(calloc) \
    ROW(realloc) \
    ROW(free) \
    ROW(aligned_alloc) \
    ROW(posix_memalign) \
    ROW(mmap) \
    ROW(munmap) \
    ROW(madvise) \
    ROW(pthread_mutex_lock) \
    ROW(pthread_mutex_trylock) \
    ROW(pthread_spin_lock) \
    ROW(pthread_rwlock_rdlock) \
    ROW(pthread_rwlock_wrlock) \
    ROW(pthread_cond_wait) \
    ROW(sem_wait) \
    ROW(read) \
    ROW(write) \
    ROW(printf) \
    ROW(fprintf) \
    ROW(vfprintf) \
    ROW(snprintf) \
    ROW(vsnprintf) \
    ROW(puts) \
    ROW(fputs) \
    ROW(fwrite) \
    ROW(fflush) \
    ROW(clock_gettime) \
    ROW(gettimeofday) \
    ROW(time) \
    ROW(nanosleep) \
    ROW(usleep) \
    ROW(sched_yield) \
    ROW(syscall) \
    ROW(qsort)

#endif
