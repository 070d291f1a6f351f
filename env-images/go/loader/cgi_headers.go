package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// What the beginning of a program's output is.
type headersVerdict int

const (
	headersNone       headersVerdict = iota // it is the body
	headersUnfinished                       // so far it may become a header block
	headersFound
)

const longestHeaders = 64 * 1024

// A block counts as one of headers only if its first line has one of these names, which CGI asks of every answer. Text
// that happens to begin like a header stays a body.
var firstNames = []string{"Status", "Content-Type", "Location"}

type headerBlock struct {
	lines  []string
	length int
}

func parseHeaders(text []byte) (headerBlock, headersVerdict) {
	if !mayBegin(text) {
		return headerBlock{}, headersNone
	}
	var block headerBlock
	for rest := text; ; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			if len(text) > longestHeaders {
				return headerBlock{}, headersNone
			}
			return headerBlock{}, headersUnfinished
		}
		line := strings.TrimSuffix(string(rest[:end]), "\r")
		rest = rest[end+1:]
		block.length += end + 1
		if line == "" {
			return block, headersFound
		}
		if !isHeaderLine(line) {
			return headerBlock{}, headersNone
		}
		block.lines = append(block.lines, line)
	}
}

// mayBegin tells whether the text begins with one of the names and a colon, as far as there is text.
func mayBegin(text []byte) bool {
	for _, name := range firstNames {
		wanted := name + ":"
		n := len(text)
		if n > len(wanted) {
			n = len(wanted)
		}
		if strings.EqualFold(string(text[:n]), wanted[:n]) {
			return true
		}
	}
	return false
}

func isHeaderLine(line string) bool {
	colon := strings.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	for _, c := range line[:colon] {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c) {
			return false
		}
	}
	for _, c := range line[colon+1:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// Of the connection, which is not the program's.
var connectionHeaders = map[string]bool{"Connection": true, "Keep-Alive": true, "Transfer-Encoding": true, "Upgrade": true, "Trailer": true}

// answer is the status, 0 when the block has none, and the headers.
func (b headerBlock) answer() (int, http.Header, error) {
	status := 0
	header := http.Header{}
	for _, line := range b.lines {
		colon := strings.IndexByte(line, ':')
		name, value := http.CanonicalHeaderKey(line[:colon]), strings.TrimSpace(line[colon+1:])
		if name == "Status" {
			code, err := strconv.Atoi(strings.SplitN(value+" ", " ", 2)[0])
			if err != nil || code < 200 || code > 599 {
				return 0, nil, fmt.Errorf("Status is %q; it must be a number from 200 to 599", value)
			}
			status = code
		} else if !connectionHeaders[name] {
			header.Add(name, value)
		}
	}
	if status == 0 && header.Get("Location") != "" {
		status = http.StatusFound
	}
	return status, header, nil
}
