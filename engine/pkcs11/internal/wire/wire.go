// Package wire is the encoding of p11-kit's remote protocol, as far as the engine uses it. Package
// rpc is the client, and package faketoken is a server for tests.
//
// A connection begins with a byte in each direction: the newest protocol version that the client
// speaks, and the version that the server has chosen. Messages follow, and each request has one
// answer, in order. All numbers are big endian.
//
//	message   = uint32 serial number, uint32 length of options, uint32 length of body, options, body
//	body      = uint32 call, string of the arguments' types, arguments
//	string    = uint32 length, bytes
//	u         = CK_ULONG as 8 bytes
//	y         = one byte
//	v         = CK_VERSION as two bytes
//	s         = a string padded with blanks
//	ay, au    = byte 1, uint32 number of elements, elements; or byte 0, uint32 number: none are sent
//	fy, fu    = uint32 number of elements that the caller has room for
//	aA        = uint32 number of attributes, attributes
//	attribute = uint32 type, byte 1, uint32 size in memory, value; or uint32 type, byte 0: none
//	fA        = uint32 number of attributes; for each uint32 type, uint32 room for the value
//	M         = a mechanism, see [Writer.Mechanism]
//
// The answer has the call of the request. If the call failed, its call is 0 and its argument the
// CK_RV.
//
// The facts were taken from p11-kit 0.24.1 to 0.26.4 and tried against 0.24.1.
package wire

// Magic is the first argument of C_Initialize.
const Magic = "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"

// MaxVersion is the newest version of the protocol that this package knows. p11-kit 0.24.1 speaks
// version 0, 0.25.0 to 0.25.5 version 1, and 0.25.6 to 0.26.4 version 2. Older ones, with version 0
// too, end the connection if the client's byte is not 0.
const MaxVersion = 2

// MaxMessage bounds the length of a message. Certificates are the largest values that are sent.
const MaxMessage = 1 << 20

// None stands for a string that is not there, where its length would be.
const None = 0xffffffff

// A Call is the number of a function.
type Call uint32

// The calls that the engine makes. Failed is the call of an answer that is an error.
const (
	Failed            Call = 0
	Initialize        Call = 1
	GetSlotList       Call = 4
	GetSlotInfo       Call = 5
	GetTokenInfo      Call = 6
	GetMechanismList  Call = 7
	OpenSession       Call = 10
	CloseSession      Call = 11
	Login             Call = 18
	GetAttributeValue Call = 24
	FindObjectsInit   Call = 26
	FindObjects       Call = 27
	FindObjectsFinal  Call = 28
	DecryptInit       Call = 33
	Decrypt           Call = 34
	SignInit          Call = 42
	Sign              Call = 43
)

// calls has the name of each call and the types of its arguments and results.
var calls = map[Call]struct{ name, request, response string }{
	Failed:            {"error", "", "u"},
	Initialize:        {"C_Initialize", "ayyay", ""},
	GetSlotList:       {"C_GetSlotList", "yfu", "au"},
	GetSlotInfo:       {"C_GetSlotInfo", "u", "ssuvv"},
	GetTokenInfo:      {"C_GetTokenInfo", "u", "ssssuuuuuuuuuuuvvs"},
	GetMechanismList:  {"C_GetMechanismList", "ufu", "au"},
	OpenSession:       {"C_OpenSession", "uu", "u"},
	CloseSession:      {"C_CloseSession", "u", ""},
	Login:             {"C_Login", "uuay", ""},
	GetAttributeValue: {"C_GetAttributeValue", "uufA", "aAu"},
	FindObjectsInit:   {"C_FindObjectsInit", "uaA", ""},
	FindObjects:       {"C_FindObjects", "ufu", "au"},
	FindObjectsFinal:  {"C_FindObjectsFinal", "u", ""},
	DecryptInit:       {"C_DecryptInit", "uMu", ""},
	Decrypt:           {"C_Decrypt", "uayfy", "ay"},
	SignInit:          {"C_SignInit", "uMu", ""},
	Sign:              {"C_Sign", "uayfy", "ay"},
}

// String returns the name of the function, such as "C_Sign".
func (c Call) String() string { return calls[c].name }
