package keyserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"asynccrypto/cmd/asynccrypto/internal/cli"
	"asynccrypto/remote/keyserver"
	"asynccrypto/remote/keyserverpb"
)

// running is a server that accepts requests.
type running struct {
	grpc   *grpc.Server // nil without gRPC
	health *health.Server
	failed chan error // what ended a listener
	stop   context.CancelFunc
	all    sync.WaitGroup
}

// serve begins to accept requests.
func (d *daemon) serve(s *sockets) *running {
	r := &running{failed: make(chan error, len(s.unix)+len(s.grpc))}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	for _, ln := range s.unix {
		d.log.Printf("listening on unix:%s", ln.Addr())
		r.all.Go(func() {
			if err := d.server.ServeUnix(ln); !errors.Is(err, keyserver.ErrClosed) {
				r.failed <- err
			}
		})
	}
	if s.grpc == nil {
		return r
	}
	r.grpc = grpc.NewServer(append(keyserver.ServerOptions(), grpc.Creds(d.certs.credentials(d.server, d.log)))...)
	d.server.RegisterGRPC(r.grpc)
	r.health = health.NewServer()
	grpc_health_v1.RegisterHealthServer(r.grpc, r.health)
	d.setHealth(r.health)
	r.all.Go(func() { d.watchHealth(ctx, r.health) })
	for _, ln := range s.grpc {
		d.log.Printf("listening on %s, gRPC", ln.Addr())
		r.all.Go(func() {
			if err := r.grpc.Serve(ln); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				r.failed <- err
			}
		})
	}
	return r
}

// wait stops gRPC and waits for all goroutines. Call it after the daemon's server is closed.
func (r *running) wait() {
	r.stop()
	if r.grpc != nil {
		r.grpc.Stop()
	}
	r.all.Wait()
}

// flushTime bounds how long the last answers may take to leave. Streams of the health service never
// end by themselves.
const flushTime = time.Second

// flush stops gRPC when the last answers have left.
func (r *running) flush(ctx context.Context) {
	if r.grpc == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	defer context.AfterFunc(ctx, r.grpc.Stop)()
	r.grpc.GracefulStop()
}

// healthPeriod is how often the health service of gRPC is told the health.
const healthPeriod = time.Second

func (d *daemon) watchHealth(ctx context.Context, h *health.Server) {
	ticker := time.NewTicker(healthPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.setHealth(h)
		case <-ctx.Done():
			return
		}
	}
}

// setHealth tells the health service of gRPC the health of the whole and that of the only service,
// which are the same.
func (d *daemon) setHealth(h *health.Server) {
	status := grpc_health_v1.HealthCheckResponse_SERVING
	if d.ill() != "" {
		status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	h.SetServingStatus("", status)
	h.SetServingStatus(keyserverpb.KeyServer_ServiceDesc.ServiceName, status)
}

// drain lets requests under way be answered. Being told to stop is no failure.
func (d *daemon) drain(r *running, sig os.Signal, signals <-chan os.Signal) error {
	d.manager.Stopping()
	d.health.Stop()
	if r.health != nil {
		r.health.Shutdown()
	}
	d.log.Printf("%s: accepting no more; up to %v for the requests under way, and a second signal ends at once", sig, d.o.drain)
	ctx, cancel := context.WithTimeout(context.Background(), d.o.drain)
	defer cancel()
	down := make(chan error, 1)
	go func() {
		err := d.server.Shutdown(ctx)
		r.flush(ctx)
		down <- err
	}()
	err := cli.AwaitEnd(down, signals, cancel)
	_, interrupted := errors.AsType[*cli.SignalError](err)
	switch {
	case interrupted:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("not all requests were answered within %v (-drain): %w", d.o.drain, err)
	case err != nil && d.o.auditFull != "continue":
		return fmt.Errorf("-audit %s: %w", d.o.audit, err)
	}
	d.log.Printf("all requests are answered")
	return nil
}
