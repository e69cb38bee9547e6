/* A program that contains libcrypto. Its argument says whether it "shows" or "hides" the functions. */
#include "signing.h"

int main(int argc, char **argv)
{
    BIO *b;
    char path[500];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY *k;
    uint8_t sig[100];
    size_t size = sizeof sig;

    CHECK(argc == 2);
    if (strcmp(argv[1], "hides") == 0) {
        snprintf(path, sizeof path, "%s/p256.handle.pem", getenv("KEYS"));
        CHECK((b = BIO_new_file(path, "r")) != NULL);
        CHECK(PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) == NULL && raised("is not found in"));
        BIO_free(b);
    } else {
        k = handle("p256");
        CHECK(EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, k, NULL) == 1);
        CHECK(EVP_DigestSign(c, sig, &size, (const uint8_t *)"text", 4) == 1);
        EVP_PKEY_free(k);
    }
    EVP_MD_CTX_free(c);
    return 0;
}
