/*
 * A library to be loaded first, for an extension compiled with -fsanitize-coverage=trace-pc: it
 * counts how often a run of the extension went from one block of code to another.
 *
 * edges_begin() forgets the counts; edges_news() tells how many edges were taken, or taken
 * so much more often, as never before in this process; edges_taken() lists them.
 */
#include <stdint.h>
#include <string.h>

#define SIZE (1 << 18)

/* Counts of this run; and for each edge a bit for each of the magnitudes there have been. */
static uint8_t counts[SIZE], known[SIZE];
static _Thread_local uint32_t before;

/* What GCC and clang call at the beginning of each block. */
void
__sanitizer_cov_trace_pc(void)
{
    uint64_t here = (uint64_t)(uintptr_t)__builtin_return_address(0);
    uint32_t block = (uint32_t)((here * 0x9E3779B97F4A7C15u) >> 40);
    uint8_t *count = &counts[(block ^ before) % SIZE];
    *count += *count != UINT8_MAX;
    before = block >> 1;
}

void
edges_begin(void)
{
    memset(counts, 0, sizeof(counts));
    before = 0;
}

/* 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more: a number from 0 to 7. */
static unsigned
magnitude(uint8_t count)
{
    if (count < 4) {
        return count - 1u;
    }
    return count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7;
}

int
edges_news(void)
{
    int news = 0;
    for (uint32_t at = 0; at < SIZE; at++) {
        if (counts[at] != 0) {
            uint8_t bit = (uint8_t)(1u << magnitude(counts[at]));
            news += !(known[at] & bit);
            known[at] |= bit;
        }
    }
    return news;
}

/* Each edge with its magnitude as one number; how many there are, of which the first are stored. */
int
edges_taken(uint32_t *stored, int most)
{
    int taken = 0;
    for (uint32_t at = 0; at < SIZE; at++) {
        if (counts[at] != 0 && taken++ < most) {
            stored[taken - 1] = at << 3 | magnitude(counts[at]);
        }
    }
    return taken;
}
