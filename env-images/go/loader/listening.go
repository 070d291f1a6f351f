package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	hearthfunction "hearth/go/function"
)

// Numbers of the descriptors that a program finds open: after standard error.
const firstDescriptor = 3

// listening is a program of the Go builder's. It accepts the instance's connections itself; only those that were
// accepted before it ran are passed on by the loader.
type listening struct {
	*process
	rest     http.Handler
	stopping chan struct{}
}

func startListening(requested context.Context, made plan, listener *sharedListener, logs *logs) (loaded, error) {
	socket, err := listener.inheritable()
	if err != nil {
		return nil, err
	}
	defer syscall.Close(socket)
	ready, readyWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	files := []*os.File{readyWriter}
	env := append(os.Environ(),
		fmt.Sprintf("%s=%d", hearthfunction.ListenerVariable, socket),
		fmt.Sprintf("%s=%d", hearthfunction.ReadyVariable, firstDescriptor),
		hearthfunction.EntryVariable+"="+made.entry)
	if logs.output != nil {
		files = append(files, os.Stdout)
		env = append(env, fmt.Sprintf("%s=%d", hearthfunction.OutputVariable, firstDescriptor+1))
	}
	started, err := startProcess(made.command, made.folder, env, files, logs)
	readyWriter.Close()
	if err != nil {
		return nil, fmt.Errorf("the program %v", err)
	}
	if err := waitUntilReady(requested, started, ready); err != nil {
		return nil, err
	}
	listener.handOver()
	function := &listening{started, proxy(dialAddress(listener.Addr())), make(chan struct{})}
	go function.watch(logs)
	return function, nil
}

func waitUntilReady(requested context.Context, started *process, ready *os.File) error {
	said := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(ready)
		said <- text
	}()
	select {
	case text := <-said:
		if bytes.Equal(text, []byte(hearthfunction.Ready)) {
			return nil
		}
		// It has no more to say: it ends, or has closed a descriptor it does not know.
		if len(text) == 0 {
			return notReady(requested, started)
		}
		started.kill()
		return errors.New(string(text))
	case <-requested.Done():
		started.kill()
		return errors.New("the program was not ready when the load was given up")
	}
}

func notReady(requested context.Context, started *process) error {
	select {
	case <-started.ended:
		return errors.New(started.whyItEnded())
	case <-requested.Done():
		started.kill()
		return errors.New("the program was not ready when the load was given up")
	}
}

// endedByItself says so in the log. The instance must not look well when its program has gone.
func endedByItself(logs *logs, ended *process) int {
	logs.say("", "the program "+ended.how)
	if code := ended.command.ProcessState.ExitCode(); code > 0 {
		return code
	}
	return 1
}

func (l *listening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	l.rest.ServeHTTP(w, r)
}

// watch ends the instance with its program.
func (l *listening) watch(logs *logs) {
	<-l.ended
	select {
	case <-l.stopping:
	default:
		os.Exit(endedByItself(logs, l.process))
	}
}

// stop lets the program drain; its exit code is the loader's.
func (l *listening) stop(*http.Server) int {
	close(l.stopping)
	l.signal(syscall.SIGTERM)
	select {
	case <-l.ended:
	case <-time.After(hearthfunction.DrainLimit() + time.Second):
		l.kill()
		return 1
	}
	return l.command.ProcessState.ExitCode()
}

// dialAddress makes an address to reach a listener by.
func dialAddress(address net.Addr) (string, string) {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return "tcp", fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return address.Network(), address.String()
}
