/* fuzz_rerequest.c - requests to the re-request server: each is a length and so many bytes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "sim/rerequest.h"

#define MUST(cond) \
    do { \
        if (!(cond)) \
            abort(); \
    } while (0)

enum { MESSAGES = 300, PAYLOAD = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A server of a raw ITCH file with messages of one type. */
static struct pn_rerequest *make_server(void)
{
    struct pn_rerequest_config cfg;
    char path[] = "/tmp/fuzz-rerequest-XXXXXX", err[256];
    int fd = mkstemp(path);
    MUST(fd >= 0);
    for (int i = 0; i < MESSAGES; i++) {
        uint8_t block[14] = {0, 12, 'S', 0, 1};
        block[13] = 'O';
        MUST(write(fd, block, sizeof block) == (ssize_t)sizeof block);
    }
    close(fd);
    pn_rerequest_config_default(&cfg);
    cfg.address_be = 0; /* no socket */
    cfg.payload_max = PAYLOAD;
    cfg.any_loop = 1;
    struct pn_rerequest *server = pn_rerequest_open(&cfg, path, err, sizeof err);
    unlink(path);
    MUST(server != NULL);
    return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pn_rerequest *server;
    uint8_t *out = malloc(PAYLOAD); /* a write beyond it is a finding */
    if (!server)
        server = make_server();
    while (size) {
        size_t n = *data % 24;
        data++;
        size--;
        n = n < size ? n : size;
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, data, n);
        uint32_t bytes = pn_rerequest_answer(server, exact, n, out);
        MUST(bytes <= PAYLOAD && (bytes == 0 || bytes > 20));
        if (bytes) {
            MUST(memcmp(out, exact, 18) == 0);
            uint32_t count = load_u16_be(out + 18);
            MUST(count && count <= load_u16_be(exact + 18) && bytes == 20 + count * 14);
            MUST(load_u64_be(exact + 10) + count <= MESSAGES + 1);
        }
        free(exact);
        data += n;
        size -= n;
    }
    free(out);
    return 0;
}
