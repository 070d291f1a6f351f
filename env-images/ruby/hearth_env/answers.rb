# frozen_string_literal: true

require 'json'
require 'rack'

module HearthEnv
  # From what a handler returns to a Rack triple.
  module Answers
    TEXT = 'text/plain; charset=utf-8'

    class << self
      def rack(result)
        case result
        when nil then [200, {}, []]
        when String then [200, { 'Content-Type' => type_of(result) }, [result]]
        when Rack::Response then result.finish
        when Hash then [200, { 'Content-Type' => 'application/json' }, [JSON.generate(result)]]
        when Array then triple(result)
        else stream(result)
        end
      end

      # Checks and completes a triple, of a handler or of a whole application.
      def triple(result)
        unless result.is_a?(Array) && result.length == 3
          raise TypeError, "an array must be [status, headers, body], this one has #{result.length} elements"
        end

        status, headers, body = result
        raise TypeError, "#{status.inspect} is no HTTP status" unless (100..599).cover?(Integer(status))
        raise TypeError, "headers must be a Hash, not #{headers.class}" unless headers.respond_to?(:each)

        [Integer(status), headers_for_rack(headers), body_for_rack(body)]
      end

      private

      def stream(result)
        return [200, { 'Content-Type' => TEXT }, body_for_rack(result)] if result.respond_to?(:each) || result.respond_to?(:call)

        raise TypeError, "a handler returns a String, a Hash, a Rack::Response, [status, headers, body] or something with " \
                         "each or call; this one returned #{result.class}"
      end

      def type_of(text)
        text.encoding == Encoding::BINARY ? 'application/octet-stream' : TEXT
      end

      # Rack 2 wants texts; several values of a name are separated by line ends.
      def headers_for_rack(headers)
        headers.to_h { |name, value| [name.to_s, value.is_a?(Array) ? value.join("\n") : value.to_s] }
      end

      def body_for_rack(body)
        case body
        when nil then []
        when String then [body]
        else
          return body if body.respond_to?(:each)
          return CallBody.new(body) if body.respond_to?(:call)

          raise TypeError, "the body must respond to each or call, not #{body.class}"
        end
      end
    end

    # A body that writes to a stream by itself, as of Rack 3: body.call(stream).
    class CallBody
      def initialize(body)
        @body = body
      end

      def each(&block)
        @body.call(Writer.new(block))
      end

      def close
        @body.close if @body.respond_to?(:close)
      end
    end

    # The stream of a CallBody.
    class Writer
      def initialize(sink)
        @sink = sink
        @closed = false
      end

      def write(*texts)
        raise IOError, 'closed stream' if @closed

        texts.sum do |text|
          text = text.to_s
          @sink.call(text) unless text.empty?
          text.bytesize
        end
      end

      def <<(text)
        write(text)
        self
      end

      def flush
        self
      end

      def close(*)
        @closed = true
      end
      alias close_write close

      def closed?
        @closed
      end
    end
  end
end
