/* Buckets meet without holes, and quantiles are right to within a bucket. */
#include "base/histogram.h"
#include "check.h"

static struct pn_histogram h;

int main(void)
{
    /* Every bucket's upper end is in it, and the next value is in the next bucket. */
    uint32_t last = histogram_bucket(UINT64_MAX);
    CHECK(last < PN_HIST_BUCKETS);
    for (uint32_t i = 0; i < last; i++) {
        CHECK_EQ(histogram_bucket(histogram_upper(i)), i);
        CHECK_EQ(histogram_bucket(histogram_upper(i) + 1), i + 1);
    }
    CHECK_EQ(histogram_upper(last), -1ll);
    /* Never more than one sixteenth above what was recorded. */
    for (uint64_t v = 1; v < 1ull << 60; v = v * 3 + 1) {
        uint64_t up = histogram_upper(histogram_bucket(v));
        CHECK(up >= v && up - v <= v / 16);
    }
    CHECK_EQ(histogram_quantile(&h, 0.5), 0);
    for (uint64_t v = 1; v <= 1000; v++)
        histogram_record(&h, v);
    CHECK_EQ(h.count, 1000);
    CHECK_EQ(h.sum, 500500);
    CHECK_EQ(h.max, 1000);
    uint64_t p50 = histogram_quantile(&h, 0.5), p99 = histogram_quantile(&h, 0.99);
    CHECK(p50 >= 500 && p50 <= 532);
    CHECK(p99 >= 990 && p99 <= 1000);
    CHECK_EQ(histogram_quantile(&h, 1.0), 1000);
    return check_done("histogram");
}
