package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	hearthfunction "hearth/go/function"
)

// loaded is a function that runs.
type loaded interface {
	http.Handler
	// stop ends it after the calls have ended; it returns the exit code for the loader.
	stop(server *http.Server) int
}

// instance is generic until code is loaded.
type instance struct {
	listener *sharedListener
	protocol string
	logs     *logs
	scratch  string

	mutex    sync.Mutex
	loading  bool
	function loaded
}

func newInstance(listener *sharedListener, defaultProtocol string) *instance {
	scratch, err := os.MkdirTemp("", "hearth-")
	if err != nil {
		hearthfunction.Fatal("cannot make a folder in %s: %v", os.TempDir(), err)
	}
	return &instance{listener: listener, protocol: defaultProtocol, logs: newLogs(), scratch: scratch}
}

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mutex.Lock()
	function := i.function
	i.mutex.Unlock()
	platform := hearthfunction.IsPlatform(r)
	switch {
	case !platform && function != nil:
		i.call(function, w, r)
	case !platform:
		hearthfunction.Text(w, http.StatusInternalServerError, "Generic container: no requests supported\n")
	case r.URL.Path == "/healthz":
		hearthfunction.Text(w, http.StatusOK, hearthfunction.Healthy)
	default:
		// The next request on this connection may be the program's.
		w.Header().Set("Connection", "close")
		i.specialize(w, r)
	}
}

func (i *instance) call(function loaded, w http.ResponseWriter, r *http.Request) {
	token := i.logs.output.Begin(hearthfunction.RequestID(r))
	defer i.logs.output.End(token)
	function.ServeHTTP(w, hearthfunction.FullDuplex(w, r))
}

func (i *instance) specialize(w http.ResponseWriter, r *http.Request) {
	if !i.begin() {
		hearthfunction.Text(w, http.StatusBadRequest, hearthfunction.AlreadyLoaded)
		return
	}
	wanted := order{path: pathOfVersion1}
	if r.URL.Path != "/specialize" {
		var err error
		if wanted, err = readOrder(r.Body); err != nil {
			i.finish(nil)
			hearthfunction.Text(w, http.StatusBadRequest, err.Error()+"\n")
			return
		}
	}
	function, err := i.load(r, wanted)
	if err != nil {
		i.finish(nil)
		hearthfunction.Text(w, http.StatusInternalServerError, endLine(err.Error()))
		return
	}
	w.WriteHeader(http.StatusAccepted)
	i.finish(function)
}

func (i *instance) begin() bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.loading || i.function != nil {
		return false
	}
	i.loading = true
	return true
}

func (i *instance) finish(function loaded) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.loading = false
	i.function = function
}

func (i *instance) load(r *http.Request, wanted order) (loaded, error) {
	path, err := filepath.Abs(wanted.path)
	if err != nil {
		return nil, err
	}
	made, err := makePlan(path, wanted.function, i.protocol, i.scratch)
	if err != nil {
		return nil, err
	}
	for name, value := range wanted.env {
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("env: %s cannot be set: %v", name, err)
		}
	}
	switch made.protocol {
	case protocolListener:
		return startListening(r.Context(), made, i.listener, i.logs)
	case protocolHTTP:
		return startProxied(r.Context(), made, i.scratch, i.logs)
	}
	return &perCall{plan: made, logs: i.logs}, nil
}

// stop is what SIGTERM asks for.
func (i *instance) stop(server *http.Server) {
	i.mutex.Lock()
	function := i.function
	i.mutex.Unlock()
	if function == nil {
		os.RemoveAll(i.scratch)
		hearthfunction.Drain(server)
	}
	code := function.stop(server)
	os.RemoveAll(i.scratch)
	os.Exit(code)
}

func endLine(text string) string {
	if text == "" || text[len(text)-1] != '\n' {
		text += "\n"
	}
	return text
}
