package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

const stateListening = "0A"

// ownPort tells whether a process of this user listens on the port. Instances have a user each, but may share the
// ports of the machine: somebody else may have taken a port between its choice and the program's start.
func ownPort(port string) bool {
	number, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	wanted := strings.ToUpper(strconv.FormatInt(int64(number), 16))
	wanted = ":" + strings.Repeat("0", 4-len(wanted)) + wanted
	known := false
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 8 || !strings.HasSuffix(fields[1], wanted) || fields[3] != stateListening {
				continue
			}
			known = true
			if fields[7] == strconv.Itoa(os.Getuid()) {
				file.Close()
				return true
			}
		}
		file.Close()
	}
	// Without the tables nobody can tell.
	return !known
}
