/*
 * codec_pool.h - memory for the decompression libraries that lives on from input to input, and one
 * Zstandard decompressor that is reset instead of made anew. Under ASan their allocations cost far
 * more than decompression, above all windows of up to 128 MiB. The linker puts these functions
 * before those of the libraries (--wrap, see meson.build).
 */
#ifndef PN_TESTS_FUZZ_CODEC_POOL_H
#define PN_TESTS_FUZZ_CODEC_POOL_H

#define ZSTD_STATIC_LINKING_ONLY
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

/* Of address space: what is never touched takes no memory. */
#define POOL_BYTES (512ull << 20)
#define POOL_RENEW (16ull << 20) /* in use before an input: holes left by large windows */

static struct {
    uint8_t *base;
    size_t used;
    int allocations;
    int open; /* decompressors in use */
    int on;
    ZSTD_DStream *kept;
} pool;

/* on: whether decompressors of this input take their memory here, or as in real use. */
static inline void codec_pool_begin(int on)
{
    pool.on = on;
    if (pool.base)
        return;
    pool.base = mmap(NULL, POOL_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    MUST(pool.base != MAP_FAILED);
}

static inline void codec_pool_end(void)
{
    MUST(pool.open == 0);
}

static void *pool_take(void *unused, size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    if (bytes > POOL_BYTES - pool.used)
        return NULL;
    pool.used += bytes;
    pool.allocations++;
    return pool.base + pool.used - bytes;
}

/* All of it is free again once nothing is in use. */
static void pool_give(void *unused, void *p)
{
    if (p && --pool.allocations == 0)
        pool.used = 0;
}

static void *pool_take_items(void *unused, unsigned items, unsigned bytes)
{
    return pool_take(unused, (size_t)items * bytes);
}

int __real_inflateInit2_(z_stream *z, int bits, const char *version, int bytes);
int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int bytes);
int __real_inflateEnd(z_stream *z);
int __wrap_inflateEnd(z_stream *z);
ZSTD_DStream *__real_ZSTD_createDStream(void);
ZSTD_DStream *__wrap_ZSTD_createDStream(void);
size_t __real_ZSTD_freeDStream(ZSTD_DStream *z);
size_t __wrap_ZSTD_freeDStream(ZSTD_DStream *z);

int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int bytes)
{
    pool.open++;
    if (pool.on) {
        z->zalloc = pool_take_items;
        z->zfree = pool_give;
    }
    return __real_inflateInit2_(z, bits, version, bytes);
}

int __wrap_inflateEnd(z_stream *z)
{
    pool.open--;
    return __real_inflateEnd(z);
}

ZSTD_DStream *__wrap_ZSTD_createDStream(void)
{
    pool.open++;
    if (!pool.on)
        return __real_ZSTD_createDStream();
    if (pool.kept && pool.used > POOL_RENEW) {
        __real_ZSTD_freeDStream(pool.kept);
        pool.kept = NULL;
    }
    if (!pool.kept)
        pool.kept = ZSTD_createDStream_advanced((ZSTD_customMem){pool_take, pool_give, NULL});
    MUST(pool.kept);
    ZSTD_DCtx_reset(pool.kept, ZSTD_reset_session_and_parameters);
    return pool.kept;
}

size_t __wrap_ZSTD_freeDStream(ZSTD_DStream *z)
{
    pool.open--;
    return z == pool.kept ? 0 : __real_ZSTD_freeDStream(z);
}

#endif
