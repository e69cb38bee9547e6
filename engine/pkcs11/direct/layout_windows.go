package direct

// CK_ULONG is an unsigned long, which has 32 bits on Windows, and structures are packed to one byte
// there (PKCS #11 v2.40, section 2.1).
const (
	ulongSize = 4
	packed    = true
)
