/*
 * The other side of "-crypto-mb": batches of eight operations by Intel's crypto_mb.
 *
 *   batches version        the library's version, or a complaint with status 1
 *   batches OPERATION MS   compute for at least MS milliseconds, after a warm-up of a quarter of that
 *
 * The second reads lines from its standard input: the size of a number in bytes (as a decimal
 * number), then in hex, each on a line of its own, the operands of the
 * first of eight operations, those of the second, and so on:
 *
 *   rsa-sign         p, q, dp, dq, the inverse of q modulo p, the padded message
 *   rsa-verify       n, e, the signature
 *   p256-sign        the nonce, the private key, the digest     (p384-sign alike)
 *   p256-verify      x, y, r, s, the digest                     (p384-verify alike)
 *   ed25519-sign     the private key, the public key, the message
 *   ed25519-verify   the public key, the signature, the message
 *   x25519           the private key, the peer's public key
 *   x25519-keygen    the private key
 *
 * It writes the number of operations, the seconds, the seconds of CPU time, and the last eight
 * results in hex, a line for each: a signature (r and s for the curves), a padded message, a secret, a
 * public key, or 01 for a valid signature and 00 for another.
 *
 * Nothing is padded, parsed, checked or allocated, and no nonce drawn, while the clock runs, and
 * there is no queue.
 */
#include <crypto_mb/ec_nistp256.h>
#include <crypto_mb/ec_nistp384.h>
#include <crypto_mb/ed25519.h>
#include <crypto_mb/rsa.h>
#include <crypto_mb/status.h>
#include <crypto_mb/version.h>
#include <crypto_mb/x25519.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LANES 8
#define OPERANDS 6
#define MAX_BYTES 512
#define UNSUPPORTED 0xaaaaaaaau /* the status of all lanes where the library can't use the CPU */

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

/* Operand i of lane l, as a number and, with leading zeros up to its own length, as bytes. */
static const BIGNUM *number[OPERANDS][LANES];
static unsigned char bytes[OPERANDS][LANES][MAX_BYTES];
static const int8u *operand[OPERANDS][LANES];
static int32u length[LANES]; /* of the last operand */
static ECDSA_SIG *signature[LANES];

static unsigned char result[LANES][MAX_BYTES];
static int8u *first[LANES], *second[LANES]; /* both halves of a result */
static int size; /* of a half, in bytes */

static mbx_status sign_rsa(void)
{
    return mbx_rsa_private_crt_ssl_mb8(operand[5], first, number[0], number[1], number[2], number[3], number[4], 8 * size);
}

static mbx_status verify_rsa(void)
{
    return mbx_rsa_public_ssl_mb8(operand[2], first, number[1], number[0], 8 * size);
}

static mbx_status sign_p256(void)
{
    return mbx_nistp256_ecdsa_sign_ssl_mb8(first, second, operand[2], number[0], number[1], NULL);
}

static mbx_status sign_p384(void)
{
    return mbx_nistp384_ecdsa_sign_ssl_mb8(first, second, operand[2], number[0], number[1], NULL);
}

static mbx_status verify_p256(void)
{
    return mbx_nistp256_ecdsa_verify_ssl_mb8((const ECDSA_SIG *const *)signature, operand[4], number[0], number[1], NULL, NULL);
}

static mbx_status verify_p384(void)
{
    return mbx_nistp384_ecdsa_verify_ssl_mb8((const ECDSA_SIG *const *)signature, operand[4], number[0], number[1], NULL, NULL);
}

/* The library's types for keys and for the halves of signatures are arrays of 32 bytes. */
static mbx_status sign_ed25519(void)
{
    ed25519_sign_component *r[LANES], *s[LANES];
    const ed25519_private_key *private[LANES];
    const ed25519_public_key *public[LANES];
    int i;

    for (i = 0; i < LANES; i++) {
        r[i] = (void *)first[i];
        s[i] = (void *)second[i];
        private[i] = (const void *)operand[0][i];
        public[i] = (const void *)operand[1][i];
    }
    return mbx_ed25519_sign_mb8(r, s, operand[2], length, private, public);
}

static mbx_status verify_ed25519(void)
{
    const ed25519_sign_component *r[LANES], *s[LANES];
    const ed25519_public_key *public[LANES];
    int i;

    for (i = 0; i < LANES; i++) {
        r[i] = (const void *)operand[1][i];
        s[i] = (const void *)(operand[1][i] + 32);
        public[i] = (const void *)operand[0][i];
    }
    return mbx_ed25519_verify_mb8(r, s, operand[2], length, public);
}

static mbx_status derive_x25519(void) { return mbx_x25519_mb8(first, operand[0], operand[1]); }
static mbx_status keygen_x25519(void) { return mbx_x25519_public_key_mb8(first, operand[0]); }

static const struct operation {
    const char *name;
    int operands;
    int halves; /* of the result; 0 for a verdict */
    mbx_status (*run)(void);
} operations[] = {
    { "rsa-sign", 6, 1, sign_rsa },
    { "rsa-verify", 3, 1, verify_rsa },
    { "p256-sign", 3, 2, sign_p256 },
    { "p384-sign", 3, 2, sign_p384 },
    { "p256-verify", 5, 0, verify_p256 },
    { "p384-verify", 5, 0, verify_p384 },
    { "ed25519-sign", 3, 2, sign_ed25519 },
    { "ed25519-verify", 3, 0, verify_ed25519 },
    { "x25519", 2, 1, derive_x25519 },
    { "x25519-keygen", 1, 1, keygen_x25519 },
};

/* run computes for at least that long, and returns the number of operations. */
static long run(const struct operation *op, double length)
{
    double until = seconds(CLOCK_MONOTONIC) + length;
    long done = 0;
    mbx_status status;
    int i;
    char what[100];

    do {
        status = op->run();
        if (status != 0 && (op->halves > 0 || status == UNSUPPORTED)) {
            snprintf(what, sizeof what, "%s answers %#x; %#x is that it can't use this CPU", op->name, (unsigned)status,
                     UNSUPPORTED);
            die(what);
        }
        done += LANES;
    } while (seconds(CLOCK_MONOTONIC) < until);
    for (i = 0; op->halves == 0 && i < LANES; i++)
        result[i][0] = MBX_GET_STS(status, i) == MBX_STATUS_OK;
    return done;
}

/* read_operand reads a line. */
static void read_operand(int i, int lane)
{
    char line[2 * MAX_BYTES + 2];
    BIGNUM *n = NULL;

    if (fgets(line, sizeof line, stdin) == NULL)
        die("the input is too short");
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] == 0 || BN_hex2bn(&n, line) != (int)strlen(line))
        die("a line of the input is no number");
    number[i][lane] = n;
    length[lane] = (int32u)(strlen(line) / 2);
    if (BN_bn2binpad(n, bytes[i][lane], (int)length[lane]) < 0)
        die("a line of the input has half a byte");
    operand[i][lane] = bytes[i][lane];
}

static void read_operands(const struct operation *op)
{
    int i, l;

    if (scanf("%d\n", &size) != 1 || size <= 0 || size * (op->halves > 1 ? 2 : 1) > MAX_BYTES)
        die("the input has no size");
    for (l = 0; l < LANES; l++) {
        for (i = 0; i < op->operands; i++)
            read_operand(i, l);
        first[l] = result[l];
        second[l] = result[l] + size;
        if (op->operands == 5) {
            if ((signature[l] = ECDSA_SIG_new()) == NULL ||
                ECDSA_SIG_set0(signature[l], BN_dup(number[2][l]), BN_dup(number[3][l])) != 1)
                die("no memory");
        }
    }
}

int main(int argc, char **argv)
{
    const struct operation *op = NULL;
    double ms, start, cpu, took;
    long done;
    size_t i;
    int j, each;

    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        const mbxVersion *v = mbx_getversion();

        printf("%d.%d.%d\n", v->major, v->minor, v->patch);
        return 0;
    }
    for (i = 0; argc == 3 && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(argv[1], operations[i].name) == 0)
            op = &operations[i];
    if (op == NULL)
        die("which operation, and how many milliseconds?");
    if ((ms = atof(argv[2])) <= 0)
        die("how many milliseconds?");
    read_operands(op);
    run(op, ms / 4e3);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    start = seconds(CLOCK_MONOTONIC);
    done = run(op, ms / 1e3);
    took = seconds(CLOCK_MONOTONIC) - start;
    printf("%ld %.9f %.9f\n", done, took, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    each = op->halves == 0 ? 1 : op->halves * size;
    for (i = 0; i < LANES; i++) {
        for (j = 0; j < each; j++)
            printf("%02x", result[i][j]);
        printf("\n");
    }
    return 0;
}
