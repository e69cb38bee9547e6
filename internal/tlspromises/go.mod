module asynccrypto/internal/tlspromises

go 1.25
