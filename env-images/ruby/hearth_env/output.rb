# frozen_string_literal: true

require 'json'
require_relative 'request_id'

module HearthEnv
  # The function's output as one JSON object per line, each with its request's id (HEARTH_LOG=json).
  module Output
    LINE_LIMIT = 16 * 1024

    # What has been written to one stream; unfinished lines are kept apart per request.
    class Lines
      def initialize(stream, sink)
        @stream = stream
        @sink = sink
        @partial = {}
        @lock = Mutex.new
      end

      def add(text)
        id = RequestId.current
        @lock.synchronize do
          *lines, rest = ((@partial.delete(id) || '') + text).split("\n", -1)
          while rest && rest.length > LINE_LIMIT
            lines << rest[0, LINE_LIMIT]
            rest = rest[LINE_LIMIT..]
          end
          @partial[id] = rest unless rest.nil? || rest.empty?
          emit(id, lines)
        end
      end

      def finish(id)
        @lock.synchronize do
          rest = @partial.delete(id)
          emit(id, [rest]) if rest
        end
      end

      private

      def emit(id, lines)
        return if lines.empty?

        records = lines.flat_map { |line| line.empty? ? [''] : line.scan(/.{1,#{LINE_LIMIT}}/mo) }.map do |part|
          JSON.generate({ hearth: 1, stream: @stream, request_id: id, message: part })
        end
        @sink.syswrite(records.join("\n") << "\n")
      rescue SystemCallError
        nil # nobody reads any more; the function must not fail for it
      end
    end

    # Stands before an IO's own methods: print, puts, printf, << and Logger all end in write.
    module Captured
      attr_writer :hearth_lines

      def write(*texts)
        texts.sum do |text|
          bytes = text.to_s
          @hearth_lines.add(Output.utf8(bytes))
          bytes.bytesize
        end
      end

      def syswrite(text)
        write(text)
      end

      def write_nonblock(text, **)
        write(text)
      end
    end

    class << self
      def install
        $stdout.sync = $stderr.sync = true
        return unless ENV['HEARTH_LOG'] == 'json'

        sink = IO.for_fd(1, 'w', autoclose: false)
        sink.sync = true
        @lines = { 'out' => Lines.new('out', sink), 'err' => Lines.new('err', sink) }
        # Kernel#warn and uncaught errors pass by the methods of the process's first STDERR object, not of another one.
        $stderr = IO.for_fd(2, 'w', autoclose: false)
        [[STDOUT, 'out'], [STDERR, 'err'], [$stderr, 'err']].each { |io, name| capture(io, name) }
      end

      # Call when a request has ended.
      def finish(id)
        @lines&.each_value { |lines| lines.finish(id) }
      end

      def utf8(text)
        text = text.encoding == Encoding::BINARY ? text.dup.force_encoding('UTF-8') : text
        text.encode('UTF-8', invalid: :replace, undef: :replace).scrub { |bad| bad.bytes.map { |b| format('\\x%02x', b) }.join }
      end

      private

      def capture(io, name)
        io.singleton_class.prepend(Captured)
        io.hearth_lines = @lines.fetch(name)
      end
    end
  end
end
