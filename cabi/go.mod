module asynccrypto/cabi

go 1.26.0
