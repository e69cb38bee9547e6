// Package collect has the parts that the collectors of packages metrics and remotemetrics share: a
// set of named sources, and the sending of a source's metrics.
package collect

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources is a set of sources of metrics. The zero value is empty. Any goroutine may use it.
type Sources struct {
	mu  sync.Mutex
	all map[key]Source
}

// key identifies a source. Names are unique within each kind.
type key struct{ kind, name string }

// Source is something that has metrics, such as an engine. Collect sends those of this moment,
// which are those that its kind describes.
type Source interface{ Collect(Sender) }

// ErrExists is wrapped by the error of [Sources.Add] when another source of the kind has the name.
var ErrExists = errors.New("there is one of that name already; remove it first, or choose another name")

// Add adds source under name, which is unique within kind. isNil says that the caller gave no
// source.
func (s *Sources) Add(kind, name string, isNil bool, source Source) error {
	switch {
	case name == "":
		return fmt.Errorf("metrics: the %s has no name; give it one for its label", kind)
	case !utf8.ValidString(name):
		return fmt.Errorf("metrics: the name %[2]q of the %[1]s is not UTF-8, as labels must be", kind, name)
	case isNil:
		return fmt.Errorf("metrics: %s %q is nil", kind, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{kind, name}
	if s.all[k] != nil {
		return fmt.Errorf("metrics: %s %q: %w", kind, name, ErrExists)
	}
	if s.all == nil {
		s.all = make(map[key]Source)
	}
	s.all[k] = source
	return nil
}

// Remove removes the source of this name, if there is one.
func (s *Sources) Remove(kind, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key{kind, name})
}

// Collect sends the metrics of all sources to ch.
func (s *Sources) Collect(ch chan<- prometheus.Metric) {
	// The sources are copied: the registry reads from ch at its own pace, and a source may be
	// added then.
	s.mu.Lock()
	type named struct {
		name string
		Source
	}
	all := make([]named, 0, len(s.all))
	for k, source := range s.all {
		all = append(all, named{k.name, source})
	}
	s.mu.Unlock()
	for _, source := range all {
		source.Collect(Sender{source.name, ch})
	}
}

// Sender sends the metrics of one source. The source's name is the first label of each.
type Sender struct {
	name string
	ch   chan<- prometheus.Metric
}

// Counter sends a counter.
func (s Sender) Counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), s.with(labels)...)
}

// Gauge sends a gauge.
func (s Sender) Gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.with(labels)...)
}

// State sends a gauge that is 1 or 0.
func (s Sender) State(d *prometheus.Desc, is bool, labels ...string) {
	v := 0.0
	if is {
		v = 1
	}
	s.Gauge(d, v, labels...)
}

// Histogram sends a histogram. upTo holds the number of values up to each bound, count that of
// all values, and sum their sum.
func (s Sender) Histogram(d *prometheus.Desc, count uint64, sum float64, upTo map[float64]uint64) {
	s.ch <- prometheus.MustNewConstHistogram(d, count, sum, upTo, s.name)
}

// with returns all labels. One that is not UTF-8, which no label may be, is quoted.
func (s Sender) with(labels []string) []string {
	all := []string{s.name}
	for _, l := range labels {
		if !utf8.ValidString(l) {
			l = strconv.Quote(l)
		}
		all = append(all, l)
	}
	return all
}
