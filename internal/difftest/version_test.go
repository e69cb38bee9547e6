package difftest

import "testing"

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		v             version
		name          string
		drops, limits bool
	}{
		{0, "newest", true, true},
		{0x30000120, "3.0.18", false, false}, {0x30000130, "3.0.19", true, false}, {0x30000160, "3.0.22", true, false},
		{0x30100080, "3.1.8", false, false}, {0x30200060, "3.2.6", false, false},
		{0x30500040, "3.5.4", false, false}, {0x30500050, "3.5.5", true, false},
		{0x30600000, "3.6.0", false, true}, {0x30600010, "3.6.1", true, true},
		{0x30700000, "3.7.0", true, true}, {0x40000000, "4.0.0", true, true}, {0x40100000, "4.1.0", true, true},
	} {
		if c.v.String() != c.name || c.v.dropsEmptyArgs() != c.drops || c.v.limitsPools() != c.limits {
			t.Errorf("%x: %v, drops empty arguments %v, limits pools %v", uint32(c.v), c.v, c.v.dropsEmptyArgs(), c.v.limitsPools())
		}
	}
}
