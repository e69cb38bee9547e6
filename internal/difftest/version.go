package difftest

import "fmt"

// version is the version of the library, as its function OpenSSL_version_num returns it:
// 0xMNN00PPS for version M.N.P. It is 0 for a library without that function, such as libasync,
// which behaves as the newest OpenSSL.
//
// Versions differ in two calls. The model allows each only where the library behaves as the
// newest OpenSSL, and so as async.
type version uint32

func (v version) major() int { return int(v >> 28) }
func (v version) minor() int { return int(v >> 20 & 0xff) }
func (v version) patch() int { return int(v >> 4 & 0xff) }

func (v version) String() string {
	if v == 0 {
		return "newest"
	}
	return fmt.Sprintf("%d.%d.%d", v.major(), v.minor(), v.patch())
}

// dropsEmptyArgs reports whether a job that is started with arguments of size 0 gets NULL. Older
// versions pass the result of malloc(0).
func (v version) dropsEmptyArgs() bool {
	if v == 0 || v.major() > 3 {
		return true
	}
	since := map[int]int{0: 19, 3: 6, 4: 4, 5: 5, 6: 1} // the branches that were corrected
	patch, corrected := since[v.minor()]
	return v.minor() > 6 || corrected && v.patch() >= patch
}

// limitsPools reports whether a pool of more than 2^31-1 jobs is refused.
func (v version) limitsPools() bool { return v == 0 || v.major() > 3 || v.minor() >= 6 }
