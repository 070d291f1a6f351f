# frozen_string_literal: true

require 'rack'
require 'puma'
require 'puma/server'
require 'puma/events'
require_relative 'application'

module HearthEnv
  # Puma around an instance, with a drain on SIGTERM.
  class Server
    DEFAULT_LISTEN = 'tcp:0.0.0.0:8888'
    BACKLOG = 1024
    DRAIN_SECONDS = 90 # what a pod gets by default
    THREADS = 64
    # The gateway keeps connections for the next request, and knows deadlines better than a server behind it.
    PATIENCE = 24 * 3600

    def initialize(instance)
      options = { environment: 'production', min_threads: 1, max_threads: threads, first_data_timeout: PATIENCE,
                  persistent_timeout: PATIENCE }
      @server = Puma::Server.new(instance, Puma::Events.null, options)
      @signals, @wake = IO.pipe
    end

    # Opens `unix:/path` or `tcp:host:port`; ArgumentError for another form.
    def listen(where)
      where = DEFAULT_LISTEN if where.to_s.empty?
      case where
      when /\Aunix:(.+)\z/
        @path = Regexp.last_match(1)
        File.unlink(@path) if File.socket?(@path)
        @server.add_unix_listener(@path, nil, nil, BACKLOG)
      when /\Atcp:(.+):(\d+)\z/
        @server.add_tcp_listener(Regexp.last_match(1).delete('[]'), Integer(Regexp.last_match(2), 10), true, BACKLOG)
      else
        raise ArgumentError, "HEARTH_LISTEN is #{where.inspect}; it must be unix:/path or tcp:host:port"
      end
    end

    # Returns when a drain has finished the last request; ends the process when that takes too long.
    def serve
      trap('TERM') { @wake.write_nonblock('.') }
      @server.run
      rehearse
      @signals.read(1)
      Thread.new { cut_off }
      @server.stop(true)
    end

    private

    # One request before the first one comes: threads, selector and parser are made and loaded then.
    def rehearse
      return unless @path

      UNIXSocket.open(@path) do |socket|
        socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        socket.read
      end
    rescue SystemCallError
      nil # a drain has closed it meanwhile
    end

    def threads
      Integer(ENV.fetch('HEARTH_THREADS', THREADS), exception: false)&.clamp(1, 1024) || THREADS
    end

    def cut_off
      seconds = Float(ENV.fetch('HEARTH_DRAIN_SECONDS', DRAIN_SECONDS), exception: false) || DRAIN_SECONDS
      sleep [seconds, 0.001].max
      IO.for_fd(2, 'w', autoclose: false).syswrite("ruby environment: calls still run after HEARTH_DRAIN_SECONDS; they are cut off\n")
      exit!(1)
    end
  end
end
