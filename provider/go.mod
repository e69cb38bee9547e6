module asynccrypto/provider

go 1.26.0

require asynccrypto v0.0.0

replace asynccrypto => ..
