package main

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

var errHandedOver = errors.New("the socket is the program's now")

// sharedListener can be left to another process, which then accepts the connections.
type sharedListener struct {
	net.Listener
	handedOver atomic.Bool
	left       chan struct{}
}

// Accept returns errHandedOver after handOver.
func (l *sharedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil && l.handedOver.Load() {
		close(l.left)
		return nil, errHandedOver
	}
	return connection, err
}

// handOver ends Accept and returns when it has ended: no connection made afterwards comes here. The program holds the
// socket open, so that none is refused meanwhile.
func (l *sharedListener) handOver() {
	l.handedOver.Store(true)
	_ = l.Listener.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Unix(1, 0))
	<-l.left
}

// Above all numbers that a started program's other descriptors get.
const firstInherited = 100

// inheritable is a descriptor of the socket that programs started now inherit. It is no os.File: starting a program
// with one makes the socket blocking, for this process too.
func (l *sharedListener) inheritable() (int, error) {
	raw, err := l.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var copied uintptr
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		copied, _, failed = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD, firstInherited)
	})
	if err == nil && failed != 0 {
		err = failed
	}
	return int(copied), err
}
