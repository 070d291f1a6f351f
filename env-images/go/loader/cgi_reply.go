package main

import (
	"io"
	"net/http"
	"time"

	hearthfunction "hearth/go/function"
)

const (
	// An answer waits this long for the end of a program that has written something, so that one which fails right
	// after is still answered 500.
	holdTime  = 30 * time.Millisecond
	holdBytes = 64 * 1024
	pieceSize = 32 * 1024
)

// reply makes the answer of what the program writes.
type reply struct {
	w        http.ResponseWriter
	call     *call
	held     []byte
	begun    bool
	body     bool // the header block, if any, is behind us
	statused bool // the program has said the status itself
}

// send returns false when the answer is cut off: the program failed after its answer had begun.
func (r *reply) send() bool {
	pieces := make(chan []byte)
	go readPieces(r.call.stdout, pieces)
	var hold <-chan time.Time
	for {
		select {
		case piece, more := <-pieces:
			if !more {
				<-r.call.ended
				return r.finish()
			}
			if !r.take(piece) {
				r.call.kill()
				for range pieces {
				}
				return true
			}
			if r.body && !r.begun && hold == nil {
				hold = time.After(holdTime)
			}
		case <-hold:
			r.begin()
		}
	}
}

func readPieces(stdout io.ReadCloser, pieces chan<- []byte) {
	defer close(pieces)
	defer stdout.Close()
	for {
		piece := make([]byte, pieceSize)
		n, err := stdout.Read(piece)
		if n > 0 {
			pieces <- piece[:n]
		}
		if err != nil {
			return
		}
	}
}

// take returns false when the program's answer is no answer, which the caller has been told then.
func (r *reply) take(piece []byte) bool {
	if r.begun {
		r.write(piece)
		return true
	}
	r.held = append(r.held, piece...)
	if !r.body && !r.readHeaders(false) {
		return false
	}
	if r.body && (r.statused || len(r.held) > holdBytes) {
		r.begin()
	}
	return true
}

// readHeaders takes a header block off what is held. Whole is true when no more will come.
func (r *reply) readHeaders(whole bool) bool {
	block, verdict := parseHeaders(r.held)
	if verdict == headersUnfinished && !whole {
		return true
	}
	r.body = true
	if verdict != headersFound {
		return true
	}
	status, header, err := block.answer()
	if err != nil {
		r.refuse("the program's header block is wrong: " + err.Error())
		return false
	}
	for name, values := range header {
		r.w.Header()[name] = values
	}
	r.held = r.held[block.length:]
	r.statused = status != 0
	if r.statused {
		r.w.WriteHeader(status)
	}
	return true
}

func (r *reply) begin() {
	if r.begun {
		return
	}
	r.begun = true
	r.write(r.held)
	r.held = nil
}

func (r *reply) write(piece []byte) {
	if _, err := r.w.Write(piece); err == nil {
		r.w.(http.Flusher).Flush()
	}
}

func (r *reply) finish() bool {
	if r.begun {
		return !r.call.failed()
	}
	if r.call.failed() {
		r.refuse("the program " + describe(r.call.command.ProcessState))
		return true
	}
	if !r.body && !r.readHeaders(true) {
		return true
	}
	r.begin()
	return true
}

// refuse answers 500 in place of what the program has written.
func (r *reply) refuse(why string) {
	for name := range r.w.Header() {
		r.w.Header().Del(name)
	}
	_, _ = io.WriteString(r.call.log, why+"\n")
	hearthfunction.Text(r.w, http.StatusInternalServerError, why+"; its log may say more\n")
}
