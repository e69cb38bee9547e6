package hsmtest

import "strings"

// refusals are the operations that each module cannot do, each with a part of the text of its
// error. They were seen in Debian 12: SoftHSM 2.6.1, NSS 3.87, opencryptoki 3.8.1, tpm2-pkcs11
// 1.9.0 on swtpm 0.7.1. The variants of Ed25519 are this project's refusals: it has no parameters
// for CKM_EDDSA.
var refusals = map[string]map[string]string{
	"SoftHSM": {
		"decryption OAEP SHA-224":                  "CKR_ARGUMENTS_BAD",
		"decryption OAEP SHA-256":                  "CKR_ARGUMENTS_BAD",
		"decryption OAEP SHA-384":                  "CKR_ARGUMENTS_BAD",
		"decryption OAEP SHA-512":                  "CKR_ARGUMENTS_BAD",
		"decryption OAEP SHA-1, label":             "crypto/rsa: decryption error",
		"decryption OAEP SHA-256, label":           "CKR_ARGUMENTS_BAD",
		"decryption OAEP SHA-256, MGF1 with SHA-1": "CKR_ARGUMENTS_BAD",
		"ph":  "signs the message itself",
		"ctx": "takes no context",
	},
	"opencryptoki": {
		"PSS SHA-224, salt as the hash": "CKR_MECHANISM_INVALID",
		"decryption OAEP SHA-224":       "CKR_MECHANISM_PARAM_INVALID",
		// C_DecryptInit keeps the caller's pointer to the label, and p11-kit's memory is another's by the
		// time of C_Decrypt.
		"decryption OAEP SHA-1, label":   "crypto/rsa: decryption error",
		"decryption OAEP SHA-256, label": "crypto/rsa: decryption error",
	},
	"TPM 2": {
		"PSS SHA-224, salt as the hash":            "CKR_MECHANISM_PARAM_INVALID",
		"PSS SHA-256, longest salt":                "CKR_MECHANISM_PARAM_INVALID",
		"PSS SHA-256, salt of 1 byte":              "CKR_MECHANISM_PARAM_INVALID",
		"PSS SHA-256, salt of 20 bytes":            "CKR_MECHANISM_PARAM_INVALID",
		"decryption OAEP SHA-224":                  "CKR_MECHANISM_PARAM_INVALID",
		"decryption OAEP SHA-1, label":             "crypto/rsa: decryption error",
		"decryption OAEP SHA-256, label":           "crypto/rsa: decryption error",
		"decryption OAEP SHA-256, MGF1 with SHA-1": "crypto/rsa: decryption error",
	},
}

// Refuses reports whether the module is known to refuse the operation, and with an error like err.
// Another version of the module may be able to do it.
func (m *Module) Refuses(o Operation, err error) bool {
	known, ok := refusals[m.Name][o.Name]
	return ok && strings.Contains(err.Error(), known)
}
