/*
 * The other side of "go run ./bench sign -crypto-mb": RSA private-key operations, eight at a
 * time, by Intel's crypto_mb.
 *
 *   sign version   the library's version, or a complaint with status 1
 *   sign MS        compute for at least MS milliseconds, after a warm-up of a quarter of that
 *
 * The second reads lines from its standard input: the size of the keys in bits (as a decimal
 * number), then in hex for each of eight operations p, q, dp, dq, the inverse of q modulo p, and
 * the padded message, each on a line of its own. It writes the number of operations, the seconds,
 * the seconds of CPU time, and the last eight results in hex, a line for each.
 *
 * The messages are padded beforehand and the results are not checked: there is no queue, and we
 * neither pad, nor verify, nor allocate while the clock runs.
 */
#include <crypto_mb/rsa.h>
#include <crypto_mb/version.h>
#include <openssl/bn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LANES 8
#define MAX_BYTES 512

static void die(const char *what)
{
    fprintf(stderr, "crypto_mb: %s\n", what);
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0)
        die("clock_gettime failed");
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static BIGNUM *number(void)
{
    char line[2 * MAX_BYTES + 2];
    BIGNUM *n = NULL;

    if (fgets(line, sizeof line, stdin) == NULL)
        die("the input is too short");
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] == 0 || BN_hex2bn(&n, line) != (int)strlen(line))
        die("a line of the input is no number");
    return n;
}

static const BIGNUM *p[LANES], *q[LANES], *dp[LANES], *dq[LANES], *qinv[LANES];
static unsigned char message[LANES][MAX_BYTES], result[LANES][MAX_BYTES];
static int bits;

/* run computes for at least that long, and returns the number of operations. */
static long run(double length)
{
    const int8u *from[LANES];
    int8u *to[LANES];
    double until = seconds(CLOCK_MONOTONIC) + length;
    long done = 0;
    mbx_status status;
    int i;
    char what[100];

    for (i = 0; i < LANES; i++) {
        from[i] = message[i];
        to[i] = result[i];
    }
    do {
        status = mbx_rsa_private_crt_ssl_mb8(from, to, p, q, dp, dq, qinv, bits);
        if (status != 0) {
            snprintf(what, sizeof what, "mbx_rsa_private_crt_ssl_mb8 answers %#x; %#x is that it can't use this CPU",
                     (unsigned)status, 0xaaaaaaaau);
            die(what);
        }
        done += LANES;
    } while (seconds(CLOCK_MONOTONIC) < until);
    return done;
}

int main(int argc, char **argv)
{
    double ms, start, cpu, took;
    long done;
    int i, j;

    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        const mbxVersion *v = mbx_getversion();

        printf("%d.%d.%d\n", v->major, v->minor, v->patch);
        return 0;
    }
    if (argc != 2 || (ms = atof(argv[1])) <= 0)
        die("how many milliseconds?");
    if (scanf("%d\n", &bits) != 1 || bits > 8 * MAX_BYTES)
        die("the input has no size");
    for (i = 0; i < LANES; i++) {
        BIGNUM *m;

        p[i] = number();
        q[i] = number();
        dp[i] = number();
        dq[i] = number();
        qinv[i] = number();
        m = number();
        if (BN_bn2binpad(m, message[i], bits / 8) < 0)
            die("a message is longer than the keys");
        BN_free(m);
    }
    run(ms / 4e3);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    start = seconds(CLOCK_MONOTONIC);
    done = run(ms / 1e3);
    took = seconds(CLOCK_MONOTONIC) - start;
    printf("%ld %.9f %.9f\n", done, took, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    for (i = 0; i < LANES; i++) {
        for (j = 0; j < bits / 8; j++)
            printf("%02x", result[i][j]);
        printf("\n");
    }
    return 0;
}
