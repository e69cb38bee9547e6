package main

import (
	"slices"
	"testing"
	"time"
)

func TestJobCounts(t *testing.T) {
	for list, want := range map[string][]int{
		"1":          {1},
		"1,8,64":     {1, 8, 64},
		"64, 1,8,64": {1, 8, 64},
		"100000":     {100000},
		"":           nil, "0": nil, "1,": nil, "1;2": nil, "-1": nil, "1.5": nil, "100001": nil, "99999999999999999999": nil,
	} {
		var got jobCounts
		err := got.Set(list)
		if (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3": 3 * time.Second, "0.25": 250 * time.Millisecond, "1e-3": time.Millisecond, "3600": time.Hour,
		"": 0, "0": 0, "-1": 0, "3601": 0, "Inf": 0, "NaN": 0, "3s": 0,
	} {
		var got seconds
		err := got.Set(text)
		if (err != nil) != (want == 0) || time.Duration(got) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(got), err)
		}
	}
}

func TestOptionsAmongArguments(t *testing.T) {
	for _, test := range []struct{ args, rest []string }{
		{[]string{"-b", "x", "y"}, []string{"x", "y"}},
		{[]string{"x", "-b", "y"}, []string{"x", "y"}},
		{[]string{"x", "y", "-s", "-b", "-b"}, []string{"x", "y"}},
		{[]string{"-b", "--", "x", "-s"}, []string{"x", "-s"}},
		{[]string{"x", "-b", "--", "-y", "--"}, []string{"x", "-y", "--"}},
	} {
		fs := newFlags("test")
		b := fs.Bool("b", false, "")
		fs.String("s", "", "")
		rest, err := parseFlags(fs, test.args)
		if err != nil || !*b || !slices.Equal(rest, test.rest) {
			t.Errorf("%q: %q, b %v, %v", test.args, rest, *b, err)
		}
	}
}
