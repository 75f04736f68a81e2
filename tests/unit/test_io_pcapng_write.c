/* test_io_pcapng_write.c - what the recorder writes, our reader gives back: bytes, ns, inputs. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bytes.h"
#include "io/pcapng_write.h"

static const struct pcapng_interface INTERFACES[] = {
    {.name = "line-a", .input = 0},
    {.name = "line-b", .input = 3},
    {.name = "recovery", .input = IO_INPUT_RECOVERY},
};

static const uint16_t INPUTS[] = {0, 3, IO_INPUT_RECOVERY};

static void test_read_back(const char *path, uint32_t frames)
{
    struct pcapng_writer *w;
    struct error e;
    uint8_t data[3000];
    unlink(path);
    CHECK_EQ(pcapng_create(&w, path, INTERFACES, 3, &e), 0);
    for (uint32_t i = 0; i < frames; i++) {
        uint32_t caplen = i * 7 % sizeof data;
        for (uint32_t k = 0; k < caplen; k++)
            data[k] = (uint8_t)(i * 31 + k);
        struct io_frame f = {.data = data,
                             .caplen = caplen,
                             .len = caplen + i % 3,
                             .ts_ns = 1700000000123456789ull + i,
                             .input = INPUTS[i % 3]};
        CHECK_EQ(pcapng_write(w, &f), 0);
    }
    struct io_frame bad = {.data = data, .caplen = 1, .len = 1, .input = 1};
    CHECK_EQ(pcapng_write(w, &bad), -EINVAL); /* no such interface */
    bad = (struct io_frame){.data = data, .caplen = 1, .len = 1, .link = IO_LINK_IP};
    CHECK_EQ(pcapng_write(w, &bad), -EINVAL);
    uint64_t bytes = pcapng_bytes(w);
    CHECK_EQ(pcapng_close(w, &e), 0);
    int fd = open(path, O_RDONLY);
    CHECK_EQ(lseek(fd, 0, SEEK_END), bytes);
    close(fd);

    struct io_port *port;
    struct io_frame f[4];
    uint32_t seen = 0;
    CHECK_EQ(io_file_open(&port, path, 9, &e), 0);
    while (!port->at_end) {
        uint32_t n = port->ops->rx_burst(port, f, 4);
        for (uint32_t i = 0; i < n; i++, seen++) {
            CHECK_EQ(f[i].ts_ns, 1700000000123456789ull + seen);
            CHECK_EQ(f[i].input, INPUTS[seen % 3]);
            CHECK_EQ(f[i].caplen, seen * 7 % sizeof data);
            CHECK_EQ(f[i].len, f[i].caplen + seen % 3);
            CHECK(is_pattern(f[i].data, seen, f[i].caplen));
        }
    }
    CHECK_EQ(seen, frames);
    CHECK_EQ(dropped_in_all(port), dropped(port, PN_R_IO_SNAPPED));
    port->ops->close(port);
}

static void test_refused(const char *path)
{
    struct pcapng_writer *w;
    struct error e;
    const struct pcapng_interface twice[] = {{.name = "a", .input = 1}, {.name = "b", .input = 1}};
    const struct pcapng_interface beyond[] = {{.name = "a", .input = IO_INPUT_RECOVERY + 1}};
    CHECK_EQ(pcapng_create(&w, path, INTERFACES, 1, &e), -EEXIST); /* never over another file */
    CHECK(strstr(e.text, "is there already") != NULL);
    unlink(path);
    CHECK_EQ(pcapng_create(&w, path, twice, 2, &e), -EINVAL);
    CHECK_EQ(pcapng_create(&w, path, beyond, 1, &e), -EINVAL);
    CHECK_EQ(pcapng_create(&w, "/tmp/no-such-folder/x.pcapng", INTERFACES, 1, &e), -ENOENT);
    CHECK_EQ(pcapng_create(&w, "/dev/full", INTERFACES, 1, &e), -EEXIST);
    CHECK(access(path, F_OK) != 0);
}

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/pinnacle-pcapng-%d", getpid());
    test_read_back(path, 5000);
    test_refused(path);
    test_read_back(path, 0);
    unlink(path);
    return check_done("io_pcapng_write");
}
