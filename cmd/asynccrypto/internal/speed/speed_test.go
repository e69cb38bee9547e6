package speed

import (
	"slices"
	"testing"
)

func TestParseJobs(t *testing.T) {
	for list, want := range map[string][]int{
		"1":          {1},
		"1,8,64":     {1, 8, 64},
		"64, 1,8,64": {1, 8, 64},
		"100000":     {100000},
		"":           nil, "0": nil, "1,": nil, "1;2": nil, "-1": nil, "1.5": nil, "100001": nil, "99999999999999999999": nil,
	} {
		if got, err := parseJobs(list); (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}

func TestChooseAlgorithms(t *testing.T) {
	all, err := chooseAlgorithms(nil)
	if err != nil || len(all) != 7 {
		t.Errorf("%v, %v", all, err)
	}
	got, err := chooseAlgorithms([]string{"ed25519", "rsa2048", "ed25519"})
	if err != nil || !slices.Equal(got, []string{"rsa2048", "ed25519"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := chooseAlgorithms([]string{"rsa2048", "rsa1"}); err == nil {
		t.Error("there is no rsa1")
	}
}
