#include <crypto_mb/rsa.h>
