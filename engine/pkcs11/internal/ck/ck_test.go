package ck_test

import (
	"testing"

	"asynccrypto/engine/pkcs11/internal/ck"
)

func TestErrorNames(t *testing.T) {
	for e, want := range map[ck.Error]string{
		ck.RVPINIncorrect:   "CKR_PIN_INCORRECT (0xa0)",
		ck.RVNotInitialized: "CKR_CRYPTOKI_NOT_INITIALIZED (0x190)",
		0x80000012:          "CKR_VENDOR_DEFINED (0x80000012)",
		0x7777:              "CKR 0x7777",
	} {
		if got := e.Error(); got != want {
			t.Errorf("%#x: %q, want %q", uint64(e), got, want)
		}
	}
}

func TestMechanismNames(t *testing.T) {
	for mech, want := range map[uint64]string{
		ck.MechRSAPKCSPSS: "CKM_RSA_PKCS_PSS",
		ck.MechSHA224:     "CKM_SHA224",
		ck.MechSHA3_384:   "CKM_SHA3_384",
		ck.MechEdDSA:      "CKM_EDDSA",
		1 << 31:           "CKM 0x80000000",
	} {
		if got := ck.MechanismName(mech); got != want {
			t.Errorf("%#x: %q, want %q", mech, got, want)
		}
	}
}
