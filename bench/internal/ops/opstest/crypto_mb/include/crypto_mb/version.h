/* A crypto_mb for tests: see rsa.h. */
typedef struct {
    int major, minor, patch;
} mbxVersion;

const mbxVersion *mbx_getversion(void);
