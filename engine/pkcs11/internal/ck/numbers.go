package ck

// Values of CK_RV, the result of each call, that the engine tells apart.
const (
	RVHostMemory              Error = 0x02
	RVSlotIDInvalid           Error = 0x03
	RVGeneralError            Error = 0x05
	RVFunctionFailed          Error = 0x06
	RVArgumentsBad            Error = 0x07
	RVCantLock                Error = 0x0a
	RVAttributeSensitive      Error = 0x11
	RVAttributeTypeInvalid    Error = 0x12
	RVDataLenRange            Error = 0x21
	RVDeviceError             Error = 0x30
	RVDeviceMemory            Error = 0x31
	RVDeviceRemoved           Error = 0x32
	RVFunctionNotSupported    Error = 0x54
	RVKeyHandleInvalid        Error = 0x60
	RVKeyTypeInconsistent     Error = 0x63
	RVKeyFunctionNotPermitted Error = 0x68
	RVMechanismInvalid        Error = 0x70
	RVMechanismParamInvalid   Error = 0x71
	RVObjectHandleInvalid     Error = 0x82
	RVOperationActive         Error = 0x90
	RVOperationNotInitialized Error = 0x91
	RVPINIncorrect            Error = 0xa0
	RVPINInvalid              Error = 0xa1
	RVPINLenRange             Error = 0xa2
	RVPINExpired              Error = 0xa3
	RVPINLocked               Error = 0xa4
	RVSessionClosed           Error = 0xb0
	RVSessionCount            Error = 0xb1
	RVSessionHandleInvalid    Error = 0xb3
	RVTokenNotPresent         Error = 0xe0
	RVTokenNotRecognized      Error = 0xe1
	RVUserAlreadyLoggedIn     Error = 0x100
	RVUserNotLoggedIn         Error = 0x101
	RVUserPINNotInitialized   Error = 0x102
	RVBufferTooSmall          Error = 0x150
	RVNotInitialized          Error = 0x190
	RVAlreadyInitialized      Error = 0x191
	RVTokenResourceExceeded   Error = 0x201
	RVVendorDefined           Error = 1 << 31 // and above: the codes of vendors
)

// Flags of CK_TOKEN_INFO and of C_OpenSession.
const (
	FlagLoginRequired     = 1 << 2
	FlagProtectedAuthPath = 1 << 8 // the PIN is typed at the token
	FlagTokenInitialized  = 1 << 10
	FlagUserPINCountLow   = 1 << 16
	FlagUserPINFinalTry   = 1 << 17
	FlagUserPINLocked     = 1 << 18

	FlagSerialSession = 1 << 2 // of C_OpenSession
)

// Values of CK_USER_TYPE.
const (
	User            = 1
	ContextSpecific = 2
)

// Values of AttrClass.
const (
	ClassCertificate = 1
	ClassPublicKey   = 2
	ClassPrivateKey  = 3
)

// Values of AttrKeyType.
const (
	KeyRSA       = 0x00
	KeyEC        = 0x03
	KeyECEdwards = 0x40
)

// Types of attributes.
const (
	AttrClass              = 0x00
	AttrLabel              = 0x03
	AttrValue              = 0x11
	AttrKeyType            = 0x100
	AttrID                 = 0x102
	AttrDecrypt            = 0x105
	AttrSign               = 0x108
	AttrModulus            = 0x120
	AttrPublicExponent     = 0x122
	AttrPublicKeyInfo      = 0x129
	AttrECParams           = 0x180
	AttrECPoint            = 0x181
	AttrAlwaysAuthenticate = 0x202
)

// Types of mechanisms.
const (
	MechRSAPKCS     = 0x01
	MechRSAPKCSOAEP = 0x09
	MechRSAPKCSPSS  = 0x0d
	MechSHA1        = 0x220
	MechSHA256      = 0x250
	MechSHA224      = 0x255
	MechSHA384      = 0x260
	MechSHA512      = 0x270
	MechSHA3_256    = 0x2b0
	MechSHA3_224    = 0x2b5
	MechSHA3_384    = 0x2c0
	MechSHA3_512    = 0x2d0
	MechECDSA       = 0x1041
	MechEdDSA       = 0x1057
)

// Mask generation functions of [PSS] and [OAEP].
const (
	MGF1SHA1     = 1
	MGF1SHA256   = 2
	MGF1SHA384   = 3
	MGF1SHA512   = 4
	MGF1SHA224   = 5
	MGF1SHA3_224 = 6
	MGF1SHA3_256 = 7
	MGF1SHA3_384 = 8
	MGF1SHA3_512 = 9
)

// A Kind says which field of an [Attribute] holds the value.
type Kind int

const (
	Bytes  Kind = iota // Attribute.Bytes; a string is one, without a zero byte at its end
	Number             // Attribute.Number: a CK_ULONG
	Bool               // Attribute.Bool: a CK_BBOOL
)

// KindOf returns the kind of an attribute type of this package, and [Bytes] for any other type.
func KindOf(attr uint64) Kind {
	switch attr {
	case AttrClass, AttrKeyType:
		return Number
	case AttrDecrypt, AttrSign, AttrAlwaysAuthenticate:
		return Bool
	}
	return Bytes
}
