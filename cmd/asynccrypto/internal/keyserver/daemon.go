package keyserver

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/cmd/asynccrypto/internal/eventlog"
	"asynccrypto/cmd/asynccrypto/internal/monitor"
	"asynccrypto/cmd/asynccrypto/internal/systemd"
	"asynccrypto/remote/keyserver"
)

// daemon is the server with its files: keys, allow file, certificates and audit log.
type daemon struct {
	o       *options
	log     *eventlog.Log
	server  *keyserver.Server
	audit   *os.File // nil without -audit
	keys    *keys
	certs   *certificates // nil without gRPC
	health  monitor.Health
	manager systemd.Manager
	reloads *monitor.Reloads
}

// open reads all files and makes the server. Call close when done, also after an error.
func (d *daemon) open(network bool) (err error) {
	if d.audit, err = d.o.openAudit(); err != nil {
		return err
	}
	c := keyserver.Config{AuditOptional: d.o.auditFull == "continue", InFlight: d.o.inFlight, Logger: d.log.Logger()}
	if d.audit != nil {
		c.Audit = d.audit
	}
	if d.server, err = keyserver.New(c); err != nil {
		return err
	}
	if network {
		d.certs = &certificates{o: d.o}
	}
	if d.keys, err = openKeys(d.o, d.log); err != nil {
		return err
	}
	var lines []string
	engine := func() ([]string, error) { return []string{d.keys.describe()}, nil }
	for _, read := range []func() ([]string, error){d.readAllow, d.readCertificates, engine, d.readKeys} {
		more, err := read()
		if err != nil {
			return err
		}
		lines = append(lines, more...)
	}
	d.say(lines)
	d.warnOfMissing()
	return nil
}

// warnOfMissing logs the names in the allow file that no key has.
func (d *daemon) warnOfMissing() {
	if missing := d.server.MissingKeys(); len(missing) > 0 {
		d.log.Printf("warning: the allow file names keys that are not there: %s", strings.Join(missing, ", "))
	}
}

// say logs lines.
func (d *daemon) say(lines []string) {
	for _, line := range lines {
		d.log.Printf("%s", line)
	}
}

func (d *daemon) close() {
	if d.server != nil {
		d.server.Close()
	}
	if d.keys != nil {
		d.keys.close()
	}
	if d.audit != nil {
		d.audit.Close()
	}
}

// maxAllowFile bounds the file of -allow.
const maxAllowFile = 16 << 20

// readAllow reads the file of -allow. It returns lines for the log, as the functions after it do.
func (d *daemon) readAllow() ([]string, error) {
	text, err := cli.ReadFile(d.o.allow, maxAllowFile)
	if err == nil {
		err = d.server.SetAllow(text)
	}
	if err != nil {
		return nil, cli.Usagef("-allow %s: %w", d.o.allow, err)
	}
	return []string{fmt.Sprintf("allow file %s: read", d.o.allow)}, nil
}

// readCertificates reads the files for gRPC.
func (d *daemon) readCertificates() ([]string, error) {
	if d.certs == nil {
		return nil, nil
	}
	return d.certs.read()
}

// readKeys reads the keys. It returns when no request uses those of before.
func (d *daemon) readKeys() ([]string, error) { return d.keys.use(d.server) }

// reload reads the files again. Each kind of file that can't be used stays as it was.
func (d *daemon) reload(why string) {
	d.manager.Reloading()
	defer d.manager.Ready()
	successful := true
	for _, part := range []struct {
		stays string
		read  func() ([]string, error)
	}{
		{"the allow file stays as it was", d.readAllow},
		{"the certificate stays as it was", d.readCertificates},
		{"the audit log stays where it was", d.reopenAudit},
		{"the keys stay as they were", d.readKeys}, // last: it waits for requests under way
	} {
		lines, err := part.read()
		if err != nil && !errors.Is(err, keyserver.ErrClosed) {
			lines = []string{fmt.Sprintf("warning: %s: %s: %v", why, part.stays, err)}
			successful = false
		}
		d.say(lines)
	}
	d.reloads.Note(successful)
	d.warnOfMissing()
}

// openAudit opens the file of -audit, if there is one.
func (o *options) openAudit() (*os.File, error) {
	if o.audit == "" {
		return nil, nil
	}
	// It is read, too: the log sees whether its last line is whole.
	f, err := os.OpenFile(o.audit, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, cli.Usagef("-audit %s: %w", o.audit, cli.Cause(err))
	}
	return f, nil
}

// reopenAudit opens the file of -audit again, which another program may have renamed.
func (d *daemon) reopenAudit() ([]string, error) {
	f, err := d.o.openAudit()
	if f == nil || err != nil {
		return nil, err
	}
	d.server.SetAudit(f)
	d.audit.Close()
	d.audit = f
	return nil, nil
}

// ill implements monitor.Health.
func (d *daemon) ill() string {
	if d.o.auditFull == "refuse" && d.server.Stats().AuditFailing {
		return "the audit log can't be written"
	}
	return ""
}
