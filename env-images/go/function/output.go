package hearthfunction

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
)

const lineLimit = 16 * 1024

// Output writes lines as JSON objects, each with the id of its request. Go tells nobody which request a line belongs
// to: while exactly one request runs, it is that one's; otherwise a line has no id, unless it is JSON that names one.
type Output struct {
	mutex    sync.Mutex
	sink     io.Writer
	running  map[uint64]string
	last     uint64
	captured []*Captured
	streams  []*Stream
}

// NewOutput writes to sink.
func NewOutput(sink io.Writer) *Output {
	return &Output{sink: sink, running: map[uint64]string{}}
}

// Begin notes that a request runs from now on. What was written before is written out first. A nil Output is one that
// is not asked for.
func (o *Output) Begin(id string) uint64 {
	if o == nil {
		return 0
	}
	o.drain()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.last++
	o.running[o.last] = id
	return o.last
}

// End notes that the request is done, after all that was written meanwhile is written out.
func (o *Output) End(token uint64) {
	if o == nil {
		return
	}
	o.drain()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.running) == 1 {
		for _, stream := range o.streams {
			stream.flush(o.currentID())
		}
	}
	delete(o.running, token)
}

func (o *Output) drain() {
	o.mutex.Lock()
	captured := o.captured
	o.mutex.Unlock()
	for _, one := range captured {
		one.Drain()
	}
}

func (o *Output) currentID() string {
	if len(o.running) == 1 {
		for _, id := range o.running {
			return id
		}
	}
	return ""
}

// Stream is one of the function's output streams: "out" or "err".
func (o *Output) Stream(name string) *Stream {
	stream := &Stream{output: o, name: name}
	o.mutex.Lock()
	o.streams = append(o.streams, stream)
	o.mutex.Unlock()
	return stream
}

// StreamOf is a stream all of whose lines belong to the request with this id.
func (o *Output) StreamOf(name, id string) *Stream {
	return &Stream{output: o, name: name, fixed: true, id: id}
}

// Stream takes output in pieces and writes whole lines.
type Stream struct {
	output *Output
	name   string
	fixed  bool
	id     string
	rest   []byte
}

// Write never fails: a function must not end because nobody reads its output.
func (s *Stream) Write(piece []byte) (int, error) {
	s.output.mutex.Lock()
	defer s.output.mutex.Unlock()
	id := s.output.currentID()
	if s.fixed {
		id = s.id
	}
	s.rest = append(s.rest, piece...)
	var records []byte
	for {
		end := bytes.IndexByte(s.rest, '\n')
		if end < 0 && len(s.rest) <= lineLimit {
			break
		}
		skip := end + 1
		if end < 0 || end > lineLimit {
			end, skip = lineLimit, lineLimit
		}
		records = s.record(records, s.rest[:end], id)
		s.rest = s.rest[skip:]
	}
	if len(s.rest) == 0 {
		s.rest = nil
	}
	if records != nil {
		_, _ = s.output.sink.Write(records)
	}
	return len(piece), nil
}

// Close writes the unfinished line.
func (s *Stream) Close() error {
	s.output.mutex.Lock()
	defer s.output.mutex.Unlock()
	id := s.output.currentID()
	if s.fixed {
		id = s.id
	}
	s.flush(id)
	return nil
}

func (s *Stream) flush(id string) {
	if len(s.rest) == 0 {
		return
	}
	_, _ = s.output.sink.Write(s.record(nil, s.rest, id))
	s.rest = nil
}

type record struct {
	Hearth    int    `json:"hearth"`
	Stream    string `json:"stream"`
	RequestID string `json:"request_id"`
	Message   string `json:"message"`
}

func (s *Stream) record(records, line []byte, id string) []byte {
	message := strings.TrimSuffix(string(line), "\r")
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	// Strings and a number cannot fail.
	_ = encoder.Encode(record{1, s.name, idOf(message, id), message})
	return append(records, text.Bytes()...)
}

// idOf honours what structured loggers say themselves.
func idOf(message, id string) string {
	if !strings.HasPrefix(message, "{") || !strings.Contains(message, `"request_id"`) {
		return id
	}
	var named struct {
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal([]byte(message), &named) != nil || named.RequestID == "" {
		return id
	}
	return named.RequestID
}
