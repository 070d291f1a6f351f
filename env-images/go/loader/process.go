package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	hearthfunction "hearth/go/function"
)

const keptOutput = 32 * 1024

// process is a program started at load, and what it writes.
type process struct {
	command *exec.Cmd
	errors  *tail
	ended   chan struct{}
	how     string
}

// startProcess runs the command until it ends by itself or is told to. Signals for the loader's group do not reach it.
func startProcess(command []string, folder string, env []string, files []*os.File, logs *logs) (*process, error) {
	started := &process{errors: &tail{}, ended: make(chan struct{})}
	started.command = exec.Command(command[0], command[1:]...)
	started.command.Dir = folder
	started.command.Env = env
	started.command.ExtraFiles = files
	// Threads of this program that start others never end, so the signal means what it says.
	started.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	out, outWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errs, errsWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	started.command.Stdout, started.command.Stderr = outWriter, errsWriter
	err = started.command.Start()
	outWriter.Close()
	errsWriter.Close()
	if err != nil {
		out.Close()
		errs.Close()
		return nil, fmt.Errorf("cannot be started: %v", err)
	}
	capturedOut, err := hearthfunction.Capture(out, logs.stream("out"), logs.output)
	if err != nil {
		return nil, err
	}
	capturedErrors, err := hearthfunction.Capture(errs, io.MultiWriter(started.errors, logs.stream("err")), logs.output)
	if err != nil {
		return nil, err
	}
	go func() {
		_ = started.command.Wait()
		// Others may hold the pipes; what the program itself wrote is in them.
		capturedOut.Drain()
		capturedErrors.Drain()
		started.how = describe(started.command.ProcessState)
		close(started.ended)
	}()
	return started, nil
}

func (p *process) signal(number syscall.Signal) { _ = p.command.Process.Signal(number) }

// kill ends it and what it started.
func (p *process) kill() {
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

func describe(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was ended by signal %d (%s)", int(status.Signal()), status.Signal())
	}
	return fmt.Sprintf("ended with exit code %d", state.ExitCode())
}

// whyItEnded is what it wrote to its standard error, then one line that says it all.
func (p *process) whyItEnded() string {
	text := p.errors.text()
	return text + "the program " + p.how + " while it was loaded" + gist(text) + "\n"
}

// gist finds the line that says what happened: the headline of a Go crash, else the last one.
func gist(text string) string {
	last := ""
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return ": " + line
		}
		if line != "" {
			last = line
		}
	}
	if last == "" {
		return " and wrote nothing to its standard error"
	}
	return ": " + last
}

// tail keeps the end of what is written to it.
type tail struct {
	mutex sync.Mutex
	kept  []byte
}

func (t *tail) Write(piece []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.kept = append(t.kept, piece...)
	if len(t.kept) > 2*keptOutput {
		t.kept = append([]byte(nil), t.kept[len(t.kept)-keptOutput:]...)
	}
	return len(piece), nil
}

// text ends with a newline unless it is empty.
func (t *tail) text() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	text := string(t.kept)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// logs is where output goes: JSON lines when HEARTH_LOG=json asks for them, else the loader's own streams.
type logs struct {
	output *hearthfunction.Output
}

func newLogs() *logs {
	if os.Getenv("HEARTH_LOG") != "json" {
		return &logs{}
	}
	return &logs{output: hearthfunction.NewOutput(os.Stdout)}
}

func (l *logs) stream(name string) io.Writer {
	if l.output != nil {
		return l.output.Stream(name)
	}
	return plain(name)
}

// streamOf is for a process that serves one request.
func (l *logs) streamOf(name, id string) io.WriteCloser {
	if l.output != nil {
		return l.output.StreamOf(name, id)
	}
	return kept{plain(name)}
}

func plain(name string) io.Writer {
	if name == "out" {
		return os.Stdout
	}
	return os.Stderr
}

type kept struct{ io.Writer }

func (kept) Close() error { return nil }

// say adds a line of the loader's own to the function's log.
func (l *logs) say(id, text string) {
	stream := l.streamOf("err", id)
	_, _ = io.WriteString(stream, text+"\n")
	_ = stream.Close()
}
