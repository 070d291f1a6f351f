# frozen_string_literal: true

require 'json'
require_relative 'loading'
require_relative 'output'
require_relative 'request_id'

module HearthEnv
  # The Rack application of an instance: generic until code is loaded, the function's afterwards.
  class Instance
    V1_PATH = '/userfunc/user'
    SPECIALIZE_LIMIT = 64 * 1024 * 1024
    PLATFORM = { '/healthz' => %w[GET HEAD], '/specialize' => %w[POST], '/v2/specialize' => %w[POST] }.freeze

    def initialize
      @function = nil
      @loading = Mutex.new
    end

    def call(env)
      return generic(env) if @function.nil? || platform?(env)

      traced(env) { @function.call(env) }
    end

    private

    # Once code is loaded these are the platform's, unless the gateway passes on a caller's request.
    def platform?(env)
      methods = PLATFORM[env['PATH_INFO']]
      methods && !env.key?('HTTP_X_FISSION_FUNCTION_NAME') && methods.include?(env['REQUEST_METHOD'])
    end

    def generic(env)
      path, method = env.values_at('PATH_INFO', 'REQUEST_METHOD')
      return answer(500, "Generic container: no requests supported\n") unless PLATFORM[path]&.include?(method)
      return answer(200, "ok\n") if path == '/healthz'

      specialize(env, path == '/v2/specialize')
    end

    def specialize(env, second_version)
      return refuse unless @loading.try_lock

      begin
        return refuse if @function

        order, fault = second_version ? read_order(env) : [{ 'filepath' => V1_PATH, 'functionName' => 'handler' }, nil]
        return answer(400, "#{fault}\n") if fault

        ENV.update(order['env'] || {})
        @function = Loading.load(order['filepath'], order['functionName'])
        answer(200, '')
      rescue LoadFailure => e
        $stderr.puts e.message # rubocop:disable Style/StderrPuts -- Kernel#warn can be switched off
        answer(500, e.message.end_with?("\n") ? e.message : "#{e.message}\n")
      rescue ArgumentError => e # a name in env that no environment can hold
        answer(400, "env: #{e.message}\n")
      ensure
        @loading.unlock
      end
    end

    def refuse
      answer(400, "Not a generic container: code is loaded already\n")
    end

    def read_order(env)
      body = env['rack.input'].read(SPECIALIZE_LIMIT).to_s
      order = body.empty? ? nil : JSON.parse(body)
      [order, fault_of(order)]
    rescue JSON::ParserError => e
      [nil, "the body is not JSON: #{e.message}"]
    end

    def fault_of(order)
      return 'the body must be a JSON object with filepath and functionName' unless order.is_a?(Hash)
      return 'filepath must be the path of the code' if !order['filepath'].is_a?(String) || order['filepath'].empty?
      return 'functionName must be a text such as handler' unless [NilClass, String].include?(order['functionName'].class)

      settings = order['env'] || {}
      return if settings.is_a?(Hash) && settings.values.all?(String)

      'env must be an object of texts'
    end

    # Marks the request that runs, so that its output lines get its id, until its last byte is produced.
    def traced(env)
      id = RequestId.from_env(env)
      RequestId.begin(id)
      begin
        status, headers, body = yield
      rescue Exception => e # rubocop:disable Lint/RescueException -- exit in a handler must not end the instance
        raise if e.is_a?(Puma::ThreadPool::ForceShutdown)

        status, headers, body = failure(e, id)
      end
      [status, headers, ending(body, id)]
    end

    # Puma sends an Array of one part with its length, everything else in chunks.
    def ending(body, id)
      closing = Body.new(body, id)
      return closing unless body.instance_of?(Array) && body.length <= 1

      closing.close
      body.empty? ? [''] : body
    end

    # The trace belongs into the log, not to the caller.
    def failure(error, id)
      $stderr.write(Loading.trace(error))
      text = "The function failed: #{error.class}. Its log has the trace"
      answer(500, text + (id.empty? ? ".\n" : ", request id #{id}.\n"))
    end

    def answer(status, text)
      [status, { 'Content-Type' => Answers::TEXT, 'Content-Length' => text.bytesize.to_s }, [text]]
    end
  end

  # A body that ends its request when it has been sent.
  class Body
    def initialize(body, id)
      @body = body
      @id = id
    end

    def each
      @body.each { |part| yield part.is_a?(String) ? part : part.to_s }
    rescue StandardError, ScriptError, SystemExit => e
      raise if e.is_a?(Puma::ConnectionError)

      $stderr.write(Loading.trace(e))
      raise Puma::ConnectionError, 'the body ended too early' # closes the connection: the caller sees a cut answer
    end

    def close
      return if @closed

      @closed = true
      begin
        @body.close if @body.respond_to?(:close)
      ensure
        Output.finish(@id)
        RequestId.end(@id)
      end
    end
  end
end
