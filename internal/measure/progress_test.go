package measure

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := &Progress{w: &b}
	p.Show("%d/%d", 1, 2)
	p.Clear()
	p.Clear() // nothing is there
	p.Show("%d/%d", 2, 2)
	p.Println(&b, "line")
	if got, want := b.String(), clearLine+"1/2"+clearLine+clearLine+"2/2"+clearLine+"line\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}

	lines := make(chan bool)
	stop := p.Every(time.Microsecond, func() string { lines <- true; return "again" })
	<-lines
	<-lines
	go func() {
		for range lines {
		}
	}()
	stop()
	close(lines)
	if !bytes.HasSuffix(b.Bytes(), []byte(clearLine)) {
		t.Errorf("ends with %q", b.String())
	}
}

func TestNoProgressWithoutATerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, p := range []*Progress{NewProgress(null), NewProgress(new(bytes.Buffer))} {
		if p.w != nil {
			t.Error("is shown without a terminal")
		}
		p.Show("x")
		p.Every(time.Nanosecond, nil)()
		p.Clear()
	}
}
