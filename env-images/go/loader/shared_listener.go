package main

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

var errHandedOver = errors.New("the socket is the program's now")

// sharedListener can be left to another process, which then accepts the connections.
type sharedListener struct {
	net.Listener
	handedOver atomic.Bool
}

// Accept returns errHandedOver after handOver.
func (l *sharedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil && l.handedOver.Load() {
		return nil, errHandedOver
	}
	return connection, err
}

// handOver ends Accept. The socket stays open, so that no connection is refused meanwhile.
func (l *sharedListener) handOver() {
	l.handedOver.Store(true)
	_ = l.Listener.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Unix(1, 0))
}

// file is a descriptor of the socket for a child.
func (l *sharedListener) file() (*os.File, error) {
	raw, err := l.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	copied := -1
	if controlErr := raw.Control(func(fd uintptr) { copied, err = syscall.Dup(int(fd)) }); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(copied)
	return os.NewFile(uintptr(copied), "listener"), nil
}

// keepNonblocking undoes what starting a child does to the descriptors it is given.
func keepNonblocking(file *os.File) { _ = syscall.SetNonblock(int(file.Fd()), true) }
