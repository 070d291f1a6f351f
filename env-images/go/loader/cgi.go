package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	hearthfunction "hearth/go/function"
)

// perCall starts the program anew for each request, as Fission's binary environment does and CGI describes.
type perCall struct {
	plan
	logs *logs
}

func (c *perCall) stop(server *http.Server) int {
	hearthfunction.Drain(server)
	return 0
}

func (c *perCall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := hearthfunction.RequestID(r)
	call, err := c.start(r, id)
	if err != nil {
		c.logs.say(id, "the program cannot be started: "+err.Error())
		hearthfunction.Text(w, http.StatusInternalServerError, "the program cannot be started; its log says why\n")
		return
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		call.feed(r)
	}()
	go call.watch(r)
	complete := (&reply{w: w, call: call}).send()
	<-call.ended
	call.errors.Wait()
	_ = call.log.Close()
	<-fed
	if !complete {
		panic(http.ErrAbortHandler)
	}
}

// call is one run of the program.
type call struct {
	command *exec.Cmd
	stdin   *os.File
	stdout  *os.File
	errors  *hearthfunction.Captured
	log     io.WriteCloser
	ended   chan struct{}
}

func (c *perCall) start(r *http.Request, id string) (*call, error) {
	var ends []*os.File
	closeAll := func(from int) {
		for i := from; i < len(ends); i += 2 {
			ends[i].Close()
		}
	}
	for len(ends) < 6 {
		reader, writer, err := os.Pipe()
		if err != nil {
			closeAll(0)
			closeAll(1)
			return nil, err
		}
		ends = append(ends, reader, writer)
	}
	// Theirs at the even places, ours at the odd ones.
	ends[2], ends[3], ends[4], ends[5] = ends[3], ends[2], ends[5], ends[4]
	command := exec.Command(c.command[0], c.command[1:]...)
	command.Dir = c.folder
	command.Env = variables(r)
	command.Stdin, command.Stdout, command.Stderr = ends[0], ends[2], ends[4]
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	err := command.Start()
	closeAll(0)
	if err != nil {
		closeAll(1)
		return nil, err
	}
	started := &call{command: command, stdin: ends[1], stdout: ends[3], ended: make(chan struct{})}
	started.log = c.logs.streamOf("err", id)
	started.errors, err = hearthfunction.Capture(ends[5], started.log, nil)
	if err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait()
		// What a call leaves running ends with it.
		started.kill()
		close(started.ended)
	}()
	return started, nil
}

func (c *call) kill() { _ = syscall.Kill(-c.command.Process.Pid, syscall.SIGKILL) }

func (c *call) failed() bool { return !c.command.ProcessState.Success() }

// watch ends the program when nobody waits for it any more: the client has left, or the gateway's deadline has passed.
func (c *call) watch(r *http.Request) {
	select {
	case <-r.Context().Done():
		c.kill()
	case <-c.ended:
	}
}

// feed copies the body to the program. What it does not read is read here: a client that still sends would not see
// the answer.
func (c *call) feed(r *http.Request) {
	defer c.stdin.Close()
	source := &watchedReader{Reader: r.Body}
	_, _ = io.Copy(c.stdin, source)
	if source.err != nil && source.err != io.EOF {
		// A body cut short must not look like a whole one.
		c.kill()
		return
	}
	if source.err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

type watchedReader struct {
	io.Reader
	err error
}

func (r *watchedReader) Read(piece []byte) (int, error) {
	n, err := r.Reader.Read(piece)
	r.err = err
	return n, err
}

// variables are those of CGI 1.1 and Fission, after the function's own.
func variables(r *http.Request) []string {
	list := append(os.Environ(),
		"GATEWAY_INTERFACE=CGI/1.1",
		"SERVER_SOFTWARE=hearth",
		"SERVER_PROTOCOL="+r.Proto,
		"REQUEST_METHOD="+r.Method,
		"REQUEST_URI="+r.RequestURI,
		"SCRIPT_NAME=",
		"PATH_INFO="+r.URL.Path,
		"QUERY_STRING="+r.URL.RawQuery,
		"CONTENT_TYPE="+r.Header.Get("Content-Type"))
	// Unknown of a body that is sent in chunks; it ends with standard input.
	if r.ContentLength >= 0 {
		list = append(list, "CONTENT_LENGTH="+strconv.FormatInt(r.ContentLength, 10))
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = r.Host, "80"
	}
	list = append(list, "SERVER_NAME="+host, "SERVER_PORT="+port, "HTTP_HOST="+r.Host)
	if address := r.Header.Get("X-Forwarded-For"); address != "" {
		list = append(list, "REMOTE_ADDR="+strings.TrimSpace(strings.Split(address, ",")[0]))
	}
	for name, values := range r.Header {
		// Proxy would become HTTP_PROXY, which programs obey; A_B would pass for A-B.
		if name == "Proxy" || strings.Contains(name, "_") {
			continue
		}
		list = append(list, "HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+strings.Join(values, ", "))
	}
	return list
}
