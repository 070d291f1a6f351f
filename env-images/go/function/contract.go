// Package hearthfunction serves Go functions on the socket of their instance. The builder copies it into the module
// of a function and adds a main that calls Main; the loader shares its parts.
package hearthfunction

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Answers that the loader before and the function after the load both give.
const (
	AlreadyLoaded = "Not a generic container: code is loaded already\n"
	Healthy       = "ok\n"
)

const defaultDrainSeconds = 90

// IsPlatform tells requests of the platform from those that the gateway passes on for a caller.
func IsPlatform(r *http.Request) bool {
	if r.Header.Get("X-Fission-Function-Name") != "" {
		return false
	}
	switch r.URL.Path {
	case "/healthz":
		return r.Method == "GET" || r.Method == "HEAD"
	case "/specialize", "/v2/specialize":
		return r.Method == "POST"
	}
	return false
}

// RequestID is the id under which the request stands in logs.
func RequestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" {
		return id
	}
	return r.Header.Get("X-Fission-Request-Id")
}

// Text answers plain text.
func Text(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// FullDuplex returns the request to call the function with, such that its body can be read while the answer is
// being written.
func FullDuplex(w http.ResponseWriter, r *http.Request) *http.Request {
	if able, ok := w.(interface{ EnableFullDuplex() error }); ok && able.EnableFullDuplex() == nil {
		return r
	}
	// Before Go 1.21 the server swallows what is left of a body when the answer begins, unless it believes that there
	// is none.
	inner := *r
	r.ContentLength = 0
	return &inner
}

// DrainLimit is how long running calls may go on after SIGTERM.
func DrainLimit() time.Duration {
	seconds, err := strconv.ParseFloat(os.Getenv("HEARTH_DRAIN_SECONDS"), 64)
	if err != nil || seconds < 0 {
		seconds = defaultDrainSeconds
	}
	return time.Duration(seconds * float64(time.Second))
}

// Fatal ends the program because of what its surroundings are like.
func Fatal(format string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
