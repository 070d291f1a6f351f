package hearthfunction

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// Captured is the reading end of a pipe that somebody writes output into.
type Captured struct {
	file  *os.File
	raw   syscall.RawConn
	sink  io.Writer
	mutex sync.Mutex
	done  chan struct{}
}

// Capture copies what comes through the pipe to sink until its writers are gone. With an Output, it takes part in
// attributing lines to requests.
func Capture(pipe *os.File, sink io.Writer, output *Output) (*Captured, error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return nil, err
	}
	captured := &Captured{file: pipe, raw: raw, sink: sink, done: make(chan struct{})}
	if output != nil {
		output.mutex.Lock()
		output.captured = append(output.captured, captured)
		output.mutex.Unlock()
	}
	go captured.run()
	return captured, nil
}

// Drain takes what is in the pipe now.
func (c *Captured) Drain() {
	_ = c.raw.Control(func(fd uintptr) {
		for {
			if n, _ := c.take(fd); n <= 0 {
				return
			}
		}
	})
}

// Wait returns when the last writer is gone and all is copied.
func (c *Captured) Wait() { <-c.done }

func (c *Captured) run() {
	defer close(c.done)
	defer c.file.Close()
	for {
		ended := false
		err := c.raw.Read(func(fd uintptr) bool {
			n, err := c.take(fd)
			if n > 0 || err == syscall.EINTR {
				return true
			}
			if err == syscall.EAGAIN {
				return false
			}
			ended = true
			return true
		})
		if ended || err != nil {
			return
		}
	}
}

// take reads without waiting. Reading and copying are one step, so that whoever drains finds nothing on its way.
func (c *Captured) take(fd uintptr) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var piece [8192]byte
	n, err := syscall.Read(int(fd), piece[:])
	if n > 0 {
		_, _ = c.sink.Write(piece[:n])
	}
	return n, err
}
