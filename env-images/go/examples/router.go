// Package router is served by an http.Handler; deploy it with --entry Router.
package router

import (
	"encoding/json"
	"log"
	"net/http"
	"time"
)

// Router dispatches on the path below the function's route.
var Router = http.NewServeMux()

func init() {
	Router.HandleFunc("/time", now)
	Router.HandleFunc("/events", events)
}

func now(w http.ResponseWriter, r *http.Request) {
	log.Print("somebody asked for the time")
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"now": time.Now().UTC().Format(time.RFC3339)})
}

// events sends one line per second until the caller has enough.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		w.Write([]byte("data: tick\n\n"))
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
}
