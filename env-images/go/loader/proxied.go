package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	hearthfunction "hearth/go/function"
)

const (
	firstPause    = 2 * time.Millisecond
	longestPause  = 25 * time.Millisecond
	portAttempts  = 3
	endingCalls   = time.Second
	endingProgram = 5 * time.Second
)

// proxied is a program that serves HTTP on PORT or on the socket HEARTH_LISTEN names.
type proxied struct {
	*process
	http.Handler
	stopping chan struct{}
}

var errPortTaken = errors.New("another program has taken the port meant for this one")

func startProxied(requested context.Context, made plan, scratch string, logs *logs) (loaded, error) {
	for attempt := 1; ; attempt++ {
		function, err := tryProxied(requested, made, scratch, logs)
		if err == errPortTaken && attempt < portAttempts {
			continue
		}
		if err != nil {
			return nil, err
		}
		return function, nil
	}
}

func tryProxied(requested context.Context, made plan, scratch string, logs *logs) (*proxied, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(scratch, "program.sock")
	env := append(os.Environ(), "PORT="+port, "HEARTH_LISTEN=unix:"+socket)
	started, err := startProcess(withPort(made.command, port), made.folder, env, nil, logs)
	if err != nil {
		return nil, fmt.Errorf("the program %v", err)
	}
	network, address, err := waitUntilListening(requested, started, socket, port)
	if err != nil {
		return nil, err
	}
	function := &proxied{started, proxy(network, address), make(chan struct{})}
	go function.watch(logs)
	return function, nil
}

// withPort puts the port where arguments ask for it, for programs that do not look at variables.
func withPort(command []string, port string) []string {
	var filled []string
	for _, word := range command {
		filled = append(filled, strings.NewReplacer("${PORT}", port, "$PORT", port).Replace(word))
	}
	return filled
}

func freePort() (string, error) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer probe.Close()
	return strconv.Itoa(probe.Addr().(*net.TCPAddr).Port), nil
}

func waitUntilListening(requested context.Context, started *process, socket, port string) (string, string, error) {
	places := [][2]string{{"unix", socket}, {"tcp", "127.0.0.1:" + port}, {"tcp", "[::1]:" + port}}
	for pause := firstPause; ; pause *= 2 {
		for _, place := range places {
			connection, err := net.Dial(place[0], place[1])
			if err != nil {
				continue
			}
			connection.Close()
			if place[0] == "tcp" && !ownPort(port) {
				started.kill()
				return "", "", errPortTaken
			}
			return place[0], place[1], nil
		}
		if pause > longestPause {
			pause = longestPause
		}
		select {
		case <-time.After(pause):
		case <-started.ended:
			return "", "", errors.New(started.whyItEnded())
		case <-requested.Done():
			started.kill()
			return "", "", errors.New("the program does not listen: it must serve HTTP on the port that the variable PORT holds, " +
				"or on the socket that HEARTH_LISTEN names")
		}
	}
}

// watch ends the instance with its program, once the calls under way have been told.
func (p *proxied) watch(logs *logs) {
	<-p.ended
	select {
	case <-p.stopping:
	default:
		code := endedByItself(logs, p.process)
		time.AfterFunc(endingCalls, func() { os.Exit(code) })
	}
}

// stop drains the calls first: a program of a stranger's may end at once when it is told to.
func (p *proxied) stop(server *http.Server) int {
	close(p.stopping)
	within, cancel := context.WithTimeout(context.Background(), hearthfunction.DrainLimit())
	defer cancel()
	code := 0
	if server.Shutdown(within) != nil {
		code = 1
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(endingProgram):
	}
	p.kill()
	return code
}
