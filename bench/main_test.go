package main

import (
	"strings"
	"testing"
	"time"
)

func TestBadUsage(t *testing.T) {
	for args, complaint := range map[string]string{
		"nonsense":           `no sub-benchmark "nonsense"`,
		"-nonsense":          "not defined: -nonsense",
		"facility -rounds x": `invalid value "x"`,
		"-rounds 0":          "at least one round",
		"-quick -rounds=-1":  "at least one round",
		"-quick more":        `unexpected argument "more"`,
		"facility facility":  `unexpected argument "facility"`,
	} {
		var out, err strings.Builder
		status := run(t.Context(), strings.Fields(args), stdio{&out, &err})
		if status != 2 || out.Len() > 0 || strings.Count(err.String(), "\n") != 1 || !strings.Contains(err.String(), complaint) {
			t.Errorf("%s: status %d, %q, %q", args, status, out.String(), err.String())
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"-h", "--help", "facility -h"} {
		var out, err strings.Builder
		if status := run(t.Context(), strings.Fields(args), stdio{&out, &err}); status != 0 || err.Len() > 0 {
			t.Errorf("%s: status %d, %q", args, status, err.String())
		}
		for _, c := range commands {
			if !strings.Contains(out.String(), "\n  "+c.name+" ") {
				t.Errorf("%s: nothing about %s in\n%s", args, c.name, out.String())
			}
		}
	}
}

func TestPlan(t *testing.T) {
	for args, want := range map[string]plan{
		"":                        {rounds: 21, time: 100 * time.Millisecond},
		"-quick":                  {rounds: 3, time: 20 * time.Millisecond},
		"-rounds 5 -quick -json":  {rounds: 5, time: 20 * time.Millisecond, json: true},
		"-quick -rounds 15":       {rounds: 15, time: 20 * time.Millisecond},
		"-json=false -rounds=200": {rounds: 200, time: 100 * time.Millisecond},
	} {
		p, err := facilityPlan(strings.Fields(args))
		if err != nil || p.rounds != want.rounds || p.time != want.time || p.json != want.json || len(p.measures) != len(facilityMeasures) {
			t.Errorf("%s: %+v, %v", args, p, err)
		}
	}
}
