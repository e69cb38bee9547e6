package ifmatest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"asynccrypto/internal/ifma"
)

// TestRunFindsMistakes runs small kernels with the mistakes that Run is there for.
func TestRunFindsMistakes(t *testing.T) {
	// The product of a digit of a and one of b, as two digits.
	const good = `
		MOVQ dst+0(FP), DI
		MOVQ a+8(FP), SI
		MOVQ b+16(FP), DX
		MOVQ n+24(FP), CX
		VPTERNLOGQ $0xff, Z3, Z3, Z3
		VPSRLQ $0x0c, Z3, Z3
		VPXORQ Z0, Z0, Z0
		VPXORQ Z1, Z1, Z1
		VMOVDQU64 (DX), Z2
		VPMADD52LUQ (SI), Z2, Z0
		VPMADD52HUQ (SI), Z2, Z1
	more:
		VPADDQ Z0, Z0, Z0
		VPADDQ Z1, Z1, Z1
		DECQ CX
		JNZ more
		VPSRAQ $0x34, Z0, Z4
		VPADDQ Z4, Z1, Z1
		VPANDQ Z3, Z0, Z0
		VMOVDQU64 Z0, (DI)
		VMOVDQU64 Z1, 64(DI)
		VZEROALL
		RET
	`
	for _, c := range []struct{ name, old, replacement, want string }{
		{"none", "", "", ""},
		{"large argument", "b+16", "wide+16", "no carry takes"},
		{"large factor", "VMOVDQU64 (DX), Z2", "VPADDQ (DX), Z3, Z2", "no carry takes"},
		{"large factor with a carry", "VMOVDQU64 (DX), Z2", "VPADDQ (DX), Z3, Z2\nVPSRAQ $0x34, Z2, Z5", ""},
		{"sum", "n+24", "many+24", "leaves 64 bits"},
		{"shift", "VPADDQ Z0, Z0, Z0", "VPSLLQ $0x0c, Z0, Z0", "bits are lost"},
		{"behind the end", "64(DI)", "128(DI)", "outside"},
		{"before the beginning", "64(DI)", "-64(DI)", "outside"},
		{"between words", "64(DI)", "8(DI)", "begins no word"},
		{"registers", "VZEROALL", "", "not cleared"},
		{"upper registers", "VZEROALL", "VMOVDQA64 Z0, Z16\nVZEROALL", "not cleared"},
		{"mask registers", "VZEROALL", "VPCMPEQQ Z0, Z1, K1\nVZEROALL", "not cleared"},
		{"unset factor", "(DX), Z2", "(DI), Z2", "not written"},
		{"unset mask", "VZEROALL", "VPCMPEQQ Z20, Z1, K1\nKXORW K1, K1, K1\nVZEROALL", "not written"},
		{"mask behind the end", "VZEROALL", "VPTESTMQ 128(DI), Z1, K1\nKXORW K1, K1, K1\nVZEROALL", "outside"},
		{"secret count", "n+24(FP), CX", "(SI), CX", "becomes an address or a count"},
		{"a branch without a count", "DECQ CX", "", "no number"},
		{"no end", "RET", "", "without RET"},
		{"unknown", "VZEROALL", "VPMULLQ Z0, Z0, Z0", "unknown instruction"},
		{"choice without a mask", "VZEROALL", "VPTERNLOGQ $0xca, Z0, Z1, Z0\nVZEROALL", "unknown logic"},
		{"blend by a number", "VZEROALL", "VPTERNLOGQ $0xd8, Z1, Z0, Z0\nVZEROALL", "no mask"},
		{"other logic", "$0xff, Z3", "$0xfe, Z3", "unknown logic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "kernel.s")
			src := good
			if c.old != "" {
				src = strings.ReplaceAll(good, c.old, c.replacement)
			}
			src = "// func kernel\nTEXT ·kernel(SB), NOSPLIT, $0-32\n" + src
			if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			kernels, err := ReadKernels(file)
			if err != nil || kernels["kernel"] == nil {
				t.Fatal(kernels, err)
			}
			dst := NewScratch("dst", 2)
			greatest, err := kernels["kernel"].Run(map[string]any{
				"dst": dst, "a": NewMemory("a", 1, Digit), "b": NewMemory("b", 1, Digit), "n": 3, "many": 12,
				"wide": NewMemory("wide", 1, Interval{0, ifma.DigitMask + 1}),
			})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want an error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if greatest < 8*ifma.DigitMask || greatest > 9*ifma.DigitMask || !dst.Within(1, Digit) || dst.Within(2, Digit) {
				t.Errorf("greatest %d, results %v and %v", greatest, dst.words[0], dst.words[1])
			}
		})
	}
}
