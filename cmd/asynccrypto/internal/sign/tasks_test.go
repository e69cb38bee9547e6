package sign

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPlanTasks(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("out", 0o755); err != nil {
		t.Fatal(err)
	}
	tasks, err := planTasks([]string{"a", filepath.Join("b", "a")}, "")
	if want := []task{{"a", "a.sig"}, {filepath.Join("b", "a"), filepath.Join("b", "a.sig")}}; err != nil || !slices.Equal(tasks, want) {
		t.Errorf("%v, %v", tasks, err)
	}
	tasks, err = planTasks([]string{filepath.Join("b", "c")}, "out")
	if want := []task{{filepath.Join("b", "c"), filepath.Join("out", "c.sig")}}; err != nil || !slices.Equal(tasks, want) {
		t.Errorf("%v, %v", tasks, err)
	}
	for _, test := range []struct {
		files []string
		dir   string
		want  string
	}{
		{[]string{"a", filepath.Join("b", "..", "a")}, "", "is named twice"},
		{[]string{"a", filepath.Join("b", "a")}, "out", "would both be " + filepath.Join("out", "a.sig")},
		{[]string{"a.sig", "a"}, "", "would be overwritten by the signature of a"},
		{[]string{"a"}, "none", "out none: "},
	} {
		if _, err := planTasks(test.files, test.dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q in %q: %v", test.files, test.dir, err)
		}
	}
}
