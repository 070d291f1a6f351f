package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func number(r *http.Request, name string) int {
	value, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return 0
	}
	return value
}

func pause(r *http.Request) { time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond) }

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintln(w, "hello")
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	w.Header().Set("X-Method", r.Method)
	w.Write(body)
}

func unicode(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "grüß %s ✓\n", r.URL.Query().Get("name"))
}

func status(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Custom", "yes")
	w.WriteHeader(number(r, "code"))
	fmt.Fprintf(w, "status %d\n", number(r, "code"))
}

func headers(w http.ResponseWriter, r *http.Request) {
	seen := map[string]string{}
	for name, values := range r.Header {
		seen[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(seen)
}

func stream(w http.ResponseWriter, r *http.Request) {
	for i := 0; i < number(r, "n"); i++ {
		if i > 0 {
			pause(r)
		}
		fmt.Fprintf(w, "chunk %d\n", i)
		w.(http.Flusher).Flush()
	}
}

func large(w http.ResponseWriter, r *http.Request) {
	piece := strings.Repeat("0123456789", 6400)
	for left := number(r, "bytes"); left > 0; left -= len(piece) {
		if left < len(piece) {
			piece = piece[:left]
		}
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
	}
}

func count(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	length, err := io.Copy(sum, r.Body)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, "%d %x\n", length, sum.Sum(nil))
}

func print(w http.ResponseWriter, r *http.Request) {
	fmt.Println("out", r.URL.Query().Get("text"))
	fmt.Fprintln(os.Stderr, "err", r.URL.Query().Get("text"))
	fmt.Fprintln(w, "printed")
}

func environment(w http.ResponseWriter, r *http.Request) {
	value, set := os.LookupEnv(r.URL.Query().Get("name"))
	if !set {
		http.NotFound(w, r)
		return
	}
	fmt.Fprint(w, value)
}

var routes = map[string]http.HandlerFunc{
	"/hello":   hello,
	"/echo":    echo,
	"/unicode": unicode,
	"/status":  status,
	"/headers": headers,
	"/stream":  stream,
	"/large":   large,
	"/count":   count,
	"/throw":   func(http.ResponseWriter, *http.Request) { panic("conformance-throw") },
	"/sleep":   func(w http.ResponseWriter, r *http.Request) { pause(r); fmt.Fprintln(w, "slept") },
	"/forever": func(http.ResponseWriter, *http.Request) { select {} },
	"/print":   print,
	"/env":     environment,
}

// Handler is the entry point.
func Handler(w http.ResponseWriter, r *http.Request) {
	route, known := routes[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	route(w, r)
}
