/* test_io_source.c - compression, files and standard input: damage, cuts, messages. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "bytes.h"

enum { COUNT = 200, CODECS = 3 };

static struct bytes sample(uint32_t from, uint32_t count)
{
    struct bytes b = {0};
    if (from == 0)
        pcap_header(&b, 0xa1b23c4d, 65535, 1);
    for (uint32_t i = from; i < from + count; i++)
        pcap_record(&b, 1, i, 60 + i % 50, 60 + i % 50, i);
    return b;
}

/* 0 plain, 1 gzip, 2 Zstandard; appended to out. */
static void compress_onto(struct bytes *out, const struct bytes *in, int codec)
{
    uint8_t *to = malloc(in->len * 2 + 1000);
    if (codec == 0) {
        bytes_put(out, in->data, in->len);
    } else if (codec == 1) {
        z_stream z = {.next_in = in->data, .avail_in = (uInt)in->len, .next_out = to};
        z.avail_out = (uInt)(in->len * 2 + 1000);
        CHECK_EQ(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
        CHECK_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
        bytes_put(out, to, z.total_out);
        deflateEnd(&z);
    } else {
        /* With a checksum, and in several blocks, so that a cut leaves something to use. */
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        ZSTD_outBuffer o = {to, in->len * 2 + 1000, 0};
        for (size_t at = 0; at < in->len; at += 2000) {
            bool last = in->len - at <= 2000;
            ZSTD_inBuffer i = {in->data + at, last ? in->len - at : 2000, 0};
            CHECK_EQ(ZSTD_compressStream2(c, &o, &i, last ? ZSTD_e_end : ZSTD_e_flush), 0);
        }
        bytes_put(out, to, o.pos);
        ZSTD_freeCCtx(c);
    }
    free(to);
}

static void free_all(struct bytes *a, struct bytes *b, struct bytes *c)
{
    free(a->data);
    free(b->data);
    free(c->data);
}

/* Two members or frames back to back, read in chunks of every size. */
static void test_codecs(void)
{
    for (int codec = 0; codec < CODECS; codec++)
        for (size_t chunk = 0; chunk < 40; chunk++) {
            struct bytes first = sample(0, COUNT), second = sample(COUNT, COUNT), all = {0};
            struct io_frame f[2 * COUNT];
            compress_onto(&all, &first, codec);
            if (codec == 1)
                bytes_put(&all, "\0\0\0", 3); /* padding between members */
            if (codec == 2)
                bytes_put(&all, "\x50\x2a\x4d\x18\x02\0\0\0ab", 10); /* skippable frame */
            compress_onto(&all, &second, codec);
            struct io_port *port = open_bytes(&all, all.len, chunk);
            CHECK(port != NULL);
            CHECK_EQ(drain(port, f, 2 * COUNT, 256), 2 * COUNT);
            for (uint32_t i = 0; i < 2 * COUNT; i++)
                CHECK_EQ(f[i].ts_ns, 1000000000ull + i);
            CHECK_EQ(dropped_in_all(port), 0);
            struct io_stats s;
            port->ops->stats(port, &s);
            CHECK_EQ(s.input_bytes, all.len);
            port->ops->close(port);
            free_all(&first, &second, &all);
        }
}

static void test_every_cut(void)
{
    for (int codec = 1; codec < CODECS; codec++) {
        struct bytes first = sample(0, COUNT), second = sample(COUNT, 3), all = {0};
        compress_onto(&all, &first, codec);
        size_t boundary = all.len;
        compress_onto(&all, &second, codec);
        uint32_t last = 0, partial = 0;
        for (size_t cut = 0; cut <= all.len; cut++) {
            struct io_port *port = open_bytes(&all, cut, 0);
            if (!port) {
                CHECK(last == 0);
                continue;
            }
            uint32_t n = drain(port, NULL, 0, 256);
            bool clean = cut == boundary || cut == all.len;
            CHECK(n >= last);
            CHECK_EQ(dropped(port, PN_R_IO_STREAM_BAD), !clean);
            CHECK_EQ(dropped_in_all(port), !clean);
            partial += !clean && n > 0 && n < COUNT;
            last = n;
            port->ops->close(port);
        }
        CHECK_EQ(last, COUNT + 3);
        CHECK(partial > 100);
        free_all(&first, &second, &all);
    }
}

/* A wrong byte anywhere: never a crash, and never fewer frames without a counter that says so. */
static void test_every_flip(void)
{
    for (int codec = 1; codec < CODECS; codec++) {
        struct bytes first = sample(0, COUNT), none = {0}, all = {0};
        uint32_t found = 0;
        compress_onto(&all, &first, codec);
        for (size_t i = 0; i < all.len; i++) {
            all.data[i] ^= 0x55;
            struct io_port *port = open_bytes(&all, all.len, 0);
            found += port == NULL;
            if (port) {
                uint32_t n = drain(port, NULL, 0, 256);
                CHECK(n <= COUNT);
                CHECK(n == COUNT || dropped_in_all(port));
                found += dropped_in_all(port) > 0;
                port->ops->close(port);
            }
            all.data[i] ^= 0x55;
        }
        CHECK(found > all.len / 2);
        bytes_put(&all, "garbage", 7);
        struct io_port *port = open_bytes(&all, all.len, 0);
        CHECK_EQ(drain(port, NULL, 0, 256), COUNT);
        CHECK_EQ(dropped(port, PN_R_IO_STREAM_BAD), 1);
        port->ops->close(port);
        free_all(&first, &none, &all);
    }
}

/* Refused however it is read. */
static void check_refused(const uint8_t *data, size_t size)
{
    for (size_t chunk = 1; chunk <= size; chunk++) {
        struct source *s;
        struct error e;
        CHECK_EQ(source_open_memory(&s, data, size, chunk, 0, &e), 0);
        CHECK_EQ(source_fill(s, 1), 0);
        CHECK(s->at_end && s->bad);
        source_close(s);
    }
}

/* Frames on which the two ways of the library differ (found by fuzzing). */
static void test_same_verdict(void)
{
    /* An empty frame, with a block that its window forbids. */
    static const uint8_t window[64] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, [60] = 3};
    /* A skippable frame; one that looks like another skippable frame from its sixth byte on. */
    static const uint8_t inside[27] = {0x50, 0x2a, 0x4d, 0x18, 3,    0,    0,    0,    'a',
                                       'b',  'c',  0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x50, 0x2a,
                                       0x4d, 0x18, 3,    0,    0,    0,    'a',  'b',  'c'};
    check_refused(window, sizeof window);
    check_refused(inside, sizeof inside);
}

static void write_file(char *path, const struct bytes *b)
{
    strcpy(path, "/tmp/pinnacle-test-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len);
    close(fd);
}

static void check_message(const char *path, int code, const char *words)
{
    struct io_port *port = NULL;
    struct error e = {{0}};
    CHECK_EQ(io_file_open(&port, path, 0, &e), -code);
    CHECK(strstr(e.text, words) != NULL);
    CHECK(strchr(e.text, '\n') == NULL && strlen(e.text) < sizeof e.text - 1);
}

static void test_messages(void)
{
    char path[64];
    struct bytes b = {0};
    check_message("/nonexistent/file.pcap", ENOENT, "no such file");
    char longest[2000] = "/nonexistent";
    while (strlen(longest) < sizeof longest - 11)
        strcat(longest, "/directory");
    check_message(longest, ENOENT, "no such file");
    check_message("/tmp", EISDIR, "directory");
    write_file(path, &b);
    check_message(path, ENODATA, "empty");
    if (geteuid() != 0) {
        chmod(path, 0);
        check_message(path, EACCES, "permission");
    }
    unlink(path);
    bytes_put(&b, "this is text, not a capture", 27);
    write_file(path, &b);
    check_message(path, EINVAL, "not a capture");
    unlink(path);
    b.len = 0;
    bytes_put(&b, "\x1f\x8b\x08 and then nonsense", 22);
    write_file(path, &b);
    check_message(path, EIO, "decompressed");
    unlink(path);
    b.len = 0;
    pcap_header(&b, 0xa1b2c3d4, 1, 1);
    b.len = 20;
    write_file(path, &b);
    check_message(path, EINVAL, "header");
    unlink(path);
    free(b.data);
}

static void test_file_and_stdin(void)
{
    for (int codec = 0; codec < CODECS; codec++)
        for (int standard = 0; standard < 2; standard++) {
            struct bytes plain = sample(0, COUNT), none = {0}, all = {0};
            char path[64];
            struct io_port *port;
            struct error e;
            int pipes[2], kept = dup(STDIN_FILENO);
            compress_onto(&all, &plain, codec);
            write_file(path, &all);
            if (standard) { /* the pipe holds it all: it is less than 64 KiB */
                CHECK(pipe(pipes) == 0);
                CHECK_EQ(write(pipes[1], all.data, all.len), all.len);
                close(pipes[1]);
                dup2(pipes[0], STDIN_FILENO);
                close(pipes[0]);
            }
            CHECK_EQ(io_file_open(&port, standard ? "-" : path, 3, &e), 0);
            struct io_frame f[COUNT];
            struct io_stats s;
            CHECK_EQ(drain(port, f, COUNT, 100), COUNT);
            CHECK_EQ(f[COUNT - 1].input, 3);
            port->ops->stats(port, &s);
            CHECK_EQ(s.input_bytes, all.len);
            CHECK_EQ(s.input_total, standard ? 0 : all.len);
            port->ops->close(port);
            dup2(kept, STDIN_FILENO);
            close(kept);
            unlink(path);
            free_all(&plain, &none, &all);
        }
}

/* A file that shrinks while it is read ends early, and says so. */
static void test_shrinking(void)
{
    struct bytes b = sample(0, 60000);
    struct io_port *port;
    struct io_frame f[1];
    struct error e;
    char path[64];
    write_file(path, &b);
    CHECK_EQ(io_file_open(&port, path, 0, &e), 0);
    CHECK_EQ(port->ops->rx_burst(port, f, 1), 1);
    CHECK_EQ(truncate(path, 2000000), 0);
    uint32_t n = drain(port, NULL, 0, 256);
    CHECK(n > 9000 && n < 59999);
    CHECK_EQ(dropped(port, PN_R_IO_RECORD_CUT), 1);
    port->ops->close(port);
    unlink(path);
    free(b.data);
}

int main(void)
{
    test_codecs();
    test_every_cut();
    test_every_flip();
    test_same_verdict();
    test_messages();
    test_file_and_stdin();
    test_shrinking();
    return check_done("io_source");
}
