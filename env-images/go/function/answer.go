package hearthfunction

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
)

// answer knows whether anything was sent yet, which decides what can be done about a panic.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(piece []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(piece)
}

func (a *answer) WriteString(piece string) (int, error) {
	a.begun = true
	return io.WriteString(a.ResponseWriter, piece)
}

func (a *answer) ReadFrom(source io.Reader) (int64, error) {
	a.begun = true
	return io.Copy(a.ResponseWriter, source)
}

func (a *answer) Flush() {
	a.begun = true
	a.ResponseWriter.(http.Flusher).Flush()
}

func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.begun = true
	return a.ResponseWriter.(http.Hijacker).Hijack()
}

// Unwrap lets http.ResponseController reach the rest.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// guarded answers 500 when the function panics, or cuts the connection when its answer has begun.
func guarded(function http.Handler, w http.ResponseWriter, r *http.Request) {
	watched := &answer{ResponseWriter: w}
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		if reason == http.ErrAbortHandler {
			panic(reason)
		}
		fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", reason, stackOfPanic())
		if watched.begun {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Connection", "close")
		Text(w, http.StatusInternalServerError, "the function panicked; its log says where\n")
	}()
	function.ServeHTTP(watched, r)
}

// stackOfPanic begins where the panic was raised.
func stackOfPanic() string {
	lines := strings.SplitAfter(string(debug.Stack()), "\n")
	for i := 1; i+2 < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], "panic(") {
			return lines[0] + strings.Join(lines[i+2:], "")
		}
	}
	return strings.Join(lines, "")
}
