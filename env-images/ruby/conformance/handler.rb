# frozen_string_literal: true

require 'digest'
require 'json'

require_relative 'pieces'

# One route per behaviour that functions may rely on.
ROUTES = {
  '/hello' => :hello, '/echo' => :echo, '/unicode' => :unicode, '/status' => :status, '/headers' => :headers,
  '/stream' => :stream, '/large' => :large, '/count' => :count, '/throw' => :fail_on_purpose, '/sleep' => :sleep_a_while,
  '/forever' => :forever, '/print' => :print_both, '/env' => :environment
}.freeze

def handler(context)
  route = ROUTES[context.request.path]
  route ? send(route, context.request) : text("no such path: #{context.request.path}\n", 404)
end

def text(body, status = 200, headers = {})
  [status, { 'Content-Type' => 'text/plain; charset=utf-8' }.merge(headers), body]
end

def number(request, name)
  Integer(request.params.fetch(name), 10)
end

def hello(_request)
  "hello\n"
end

def echo(request)
  headers = { 'X-Method' => request.request_method }
  headers['Content-Type'] = request.content_type if request.content_type
  [200, headers, [request.body.read]]
end

def unicode(request)
  "grüß #{request.params['name']} ✓\n"
end

def status(request)
  code = number(request, 'code')
  text("status #{code}\n", code, 'X-Custom' => 'yes')
end

def headers(request)
  request.headers # a Hash is answered as JSON
end

def stream(request)
  text(Pieces.chunks(number(request, 'n'), number(request, 'ms') / 1000.0))
end

def large(request)
  text(Pieces.digits(number(request, 'bytes')))
end

def count(request)
  length = 0
  digest = Digest::SHA256.new
  while (piece = request.body.read(64 * 1024))
    length += piece.bytesize
    digest.update(piece)
  end
  "#{length} #{digest.hexdigest}\n"
end

def fail_on_purpose(_request)
  raise 'conformance-throw'
end

def sleep_a_while(request)
  sleep number(request, 'ms') / 1000.0
  "slept\n"
end

def forever(_request)
  loop { sleep 3600 }
end

def print_both(request)
  puts "out #{request.params['text']}"
  warn "err #{request.params['text']}"
  "printed\n"
end

def environment(request)
  value = ENV[request.params['name']]
  value ? value.dup : text("no such variable\n", 404)
end
