package hearthfunction

import (
	"fmt"
	"net"
	"os"
	"strings"
)

const defaultListen = "tcp:0.0.0.0:8888"

// Listen opens the socket that HEARTH_LISTEN names, port 8888 without it.
func Listen(where string) (net.Listener, error) {
	if where == "" {
		where = defaultListen
	}
	switch {
	case strings.HasPrefix(where, "unix:") && len(where) > len("unix:"):
		path := where[len("unix:"):]
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		listener, err := net.Listen("unix", path)
		if err != nil {
			return nil, err
		}
		// The file goes with the instance's folder; closing one of two holders must not take it away from the other.
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
		return listener, nil
	case strings.HasPrefix(where, "tcp:") && strings.Contains(where[len("tcp:"):], ":"):
		return net.Listen("tcp", where[len("tcp:"):])
	}
	return nil, fmt.Errorf("HEARTH_LISTEN is %q; it must be unix:/path or tcp:host:port", where)
}
