package hearthfunction

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// How the loader hands over: numbers of inherited descriptors, and the function's name.
const (
	ListenerVariable = "HEARTH_FUNCTION_LISTENER"
	ReadyVariable    = "HEARTH_FUNCTION_READY"
	OutputVariable   = "HEARTH_FUNCTION_OUTPUT"
	EntryVariable    = "HEARTH_FUNCTION_ENTRY"
)

// Ready is what the program writes once its entry point is found; anything else is why it cannot serve.
const Ready = "ready\n"

// Main serves the function until SIGTERM. Started by the loader it takes over the instance's socket; started by
// hand it listens on HEARTH_LISTEN, 127.0.0.1:PORT or port 8888.
func Main(entries []Entry) {
	entry := take(EntryVariable)
	ready := inherited(ReadyVariable)
	function, err := choose(entries, entry)
	if err != nil {
		if ready == nil {
			Fatal("%v", err)
		}
		_, _ = io.WriteString(ready, err.Error()+"\n")
		os.Exit(1)
	}
	listener, err := listener()
	if err != nil {
		Fatal("cannot listen: %v", err)
	}
	server := &http.Server{Handler: serving(function, captureOwn(inherited(OutputVariable)))}
	server.ErrorLog = log.New(os.Stderr, "", 0)
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			Fatal("cannot serve: %v", err)
		}
	}()
	if ready != nil {
		_, _ = io.WriteString(ready, Ready)
		ready.Close()
	}
	<-stop
	Drain(server)
}

// Drain lets running calls finish, then ends the process: with 0, or with 1 when it had to cut some off.
func Drain(server *http.Server) {
	within, cancel := context.WithTimeout(context.Background(), DrainLimit())
	defer cancel()
	if server.Shutdown(within) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func serving(function http.Handler, output *Output) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsPlatform(r) {
			if r.URL.Path == "/healthz" {
				Text(w, http.StatusOK, Healthy)
			} else {
				Text(w, http.StatusBadRequest, AlreadyLoaded)
			}
			return
		}
		token := output.Begin(RequestID(r))
		defer output.End(token)
		guarded(function, w, FullDuplex(w, r))
	})
}

func listener() (net.Listener, error) {
	if file := inherited(ListenerVariable); file != nil {
		defer file.Close()
		return net.FileListener(file)
	}
	where := os.Getenv("HEARTH_LISTEN")
	if port := os.Getenv("PORT"); where == "" && port != "" {
		where = "tcp:127.0.0.1:" + port
	}
	return Listen(where)
}

// take reads a variable that the function itself is not meant to see.
func take(name string) string {
	value := os.Getenv(name)
	os.Unsetenv(name)
	return value
}

// What a function starts while it is initialized must not inherit what is meant for Main.
func init() {
	for _, name := range []string{ListenerVariable, ReadyVariable, OutputVariable} {
		if number, err := strconv.Atoi(os.Getenv(name)); err == nil {
			syscall.CloseOnExec(number)
		}
	}
}

func inherited(name string) *os.File {
	number, err := strconv.Atoi(take(name))
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(number), name)
}

// The files behind os.Stdout and os.Stderr at start; without these references they would be closed as garbage.
var originals []os.File

// captureOwn turns what the function writes to os.Stdout and os.Stderr into JSON lines on sink. The crash report of the
// Go runtime goes to the descriptors themselves, where the loader takes it.
func captureOwn(sink *os.File) *Output {
	if sink == nil {
		return nil
	}
	output := NewOutput(sink)
	for name, file := range map[string]*os.File{"out": os.Stdout, "err": os.Stderr} {
		reader, writer, err := os.Pipe()
		if err != nil {
			Fatal("cannot make a pipe: %v", err)
		}
		if _, err = Capture(reader, output.Stream(name), output); err != nil {
			Fatal("cannot read from a pipe: %v", err)
		}
		originals = append(originals, *file)
		// Loggers made before hold the pointer, so what it points to is replaced.
		*file = *writer
	}
	return output
}
