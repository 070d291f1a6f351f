package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"

	hearthfunction "hearth/go/function"
)

const idleConnections = 256

// proxy passes requests on to a program as they are: bodies both ways piece by piece, upgrades too.
func proxy(network, address string) http.Handler {
	transport := &http.Transport{
		DialContext: func(requested context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(requested, network, address)
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: idleConnections,
		// What a program answers is between it and its caller.
		MaxResponseHeaderBytes: 1 << 20,
	}
	reverse := &httputil.ReverseProxy{
		Director:      direct,
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  unanswered,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The gateway has said who the caller is; the loader adds nothing to it.
		inner := *r
		inner.RemoteAddr = ""
		reverse.ServeHTTP(w, &inner)
	})
}

func direct(r *http.Request) {
	r.URL.Scheme = "http"
	r.URL.Host = "program"
	if _, given := r.Header["User-Agent"]; !given {
		r.Header["User-Agent"] = nil
	}
}

func unanswered(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	hearthfunction.Text(w, http.StatusBadGateway, "the program did not answer: "+err.Error()+"\n")
}
