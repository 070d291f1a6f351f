// The loader of the Go and the binary environment: speaks the contract of env-images/README.md until a program is
// named, then starts it.
package main

import (
	"flag"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	hearthfunction "hearth/go/function"
)

func main() {
	protocol := flag.String("default", protocolHTTP, "how a program without a hearth.json is run: http or cgi")
	flag.Parse()
	if *protocol != protocolHTTP && *protocol != protocolCGI {
		hearthfunction.Fatal("-default must be http or cgi, not %q", *protocol)
	}
	listener, err := hearthfunction.Listen(os.Getenv("HEARTH_LISTEN"))
	if err != nil {
		hearthfunction.Fatal("cannot listen on %s: %v", os.Getenv("HEARTH_LISTEN"), err)
	}
	// Taken, not ignored: programs started from here get the signal's ordinary effect.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM)
	shared := &sharedListener{Listener: listener, left: make(chan struct{})}
	instance := newInstance(shared, *protocol)
	server := &http.Server{Handler: instance}
	go func() {
		if err := server.Serve(shared); err != http.ErrServerClosed && err != errHandedOver {
			hearthfunction.Fatal("cannot serve: %v", err)
		}
	}()
	debug.FreeOSMemory()
	<-stop
	instance.stop(server)
}
