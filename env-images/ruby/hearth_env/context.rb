# frozen_string_literal: true

require 'logger'
require 'rack'

module HearthEnv
  # Rack::Request with the header access that functions expect.
  class Request < Rack::Request
    PATH_PARAMETER = 'HTTP_X_FISSION_PARAMS_'

    # Header names in lower case to values.
    def headers
      @headers ||= env.each_with_object({}) do |(key, value), found|
        if key.start_with?('HTTP_')
          found[key[5..].downcase.tr('_', '-')] = value
        elsif %w[CONTENT_TYPE CONTENT_LENGTH].include?(key)
          found[key.downcase.tr('_', '-')] = value
        end
      end
    end

    # Query, form, and the path parameters of the route.
    def params
      @params ||= path_parameters.merge(super)
    end

    def path_parameters
      env.each_with_object({}) do |(key, value), found|
        found[key.delete_prefix(PATH_PARAMETER).downcase] = value if key.start_with?(PATH_PARAMETER)
      end
    end

    def logger
      HearthEnv.logger
    end
  end

  # What a handler gets.
  class Context
    attr_reader :env, :request

    def initialize(env)
      @env = env
      @request = Request.new(env)
    end

    def params
      request.params
    end

    def logger
      HearthEnv.logger
    end
  end

  # One logger for all calls: its lines carry the id of the request that writes them.
  def self.logger
    @logger ||= Logger.new($stderr, progname: 'function', formatter: lambda { |severity, _time, _name, message|
      "#{severity} #{message.is_a?(String) ? message : message.inspect}\n"
    })
  end
end

# The names that Fission's functions know them by.
module Fission
  Context = HearthEnv::Context
  Request = HearthEnv::Request
end
