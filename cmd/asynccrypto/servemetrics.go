package main

// serveMetrics serves figures for Prometheus over plain HTTP on addr, if there is one.
func serveMetrics(addr string, keys *serveKeys, s service, l *serveLog) (stop func(), err error) {
	if addr != "" {
		return nil, usagef("-metrics is not there yet")
	}
	return func() {}, nil
}
