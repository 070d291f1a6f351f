# frozen_string_literal: true

require 'rack'
require_relative 'answers'
require_relative 'context'

module HearthEnv
  # The code cannot be used; the text is for whoever deployed it.
  class LoadFailure < StandardError; end

  # From a path and an entry point to something that takes a Rack env and gives a Rack triple.
  module Loading
    OWN = [File.dirname(__FILE__), File.expand_path('../server.rb', __dir__), '<internal:',
           $LOADED_FEATURES.grep(%r{/puma/server\.rb\z}).map { |file| File.dirname(file) }, RbConfig::CONFIG['rubylibdir'] + '/rubygems',
           '/usr/lib/ruby/vendor_ruby/rubygems'].flatten.freeze
    NAME = /\A[a-z_]\w*[?!]?\z/
    CONSTANT = /\A[A-Z]\w*(::[A-Z]\w*)*\z/

    class << self
      def load(filepath, entry)
        entry = entry.to_s.strip
        if File.directory?(filepath)
          from_folder(File.realpath(filepath), entry)
        elsif File.file?(filepath)
          enter(File.dirname(filepath))
          run(filepath) { Kernel.load(filepath) }
          pick(entry.empty? ? 'handler' : entry)
        else
          raise LoadFailure, "there is no file or folder #{filepath}"
        end
      end

      # Ruby's own trace without the loader's frames.
      def trace(error)
        causes = [error]
        causes << causes.last.cause while causes.last.cause && causes.length < 10
        causes.map.with_index do |one, index|
          kept = (one.backtrace || []).reject { |line| line.start_with?(*OWN) }
          (index.zero? ? '' : "Caused by:\n") + format_trace(one, kept)
        end.join
      end

      private

      def format_trace(error, frames)
        message = error.message.to_s
        message = message.empty? ? error.class.to_s : "#{message} (#{error.class})"
        first, *rest = frames
        "#{first ? "#{first}: " : ''}#{message}\n" + rest.map { |line| "\tfrom #{line}\n" }.join
      end

      def from_folder(folder, entry)
        enter(folder)
        use_gems(folder)
        rackup = File.join(folder, 'config.ru')
        if entry == 'config.ru' || (entry.empty? && File.file?(rackup))
          raise LoadFailure, 'the package has no config.ru' unless File.file?(rackup)

          return application(run(rackup) { Rack::Builder.parse_file(rackup).then { |r| r.is_a?(Array) ? r.first : r } }, 'config.ru')
        end
        files = sources(folder)
        raise LoadFailure, "the package has no .rb file; it has: #{listing(folder)}" if files.empty?

        files.each { |file| run(file) { require file } }
        pick(entry.empty? ? 'handler' : entry)
      end

      def sources(folder)
        vendor = File.join(folder, 'vendor') + '/'
        Dir.glob(File.join(folder, '**', '*.rb')).sort.reject { |file| file.start_with?(vendor) }
      end

      def listing(folder)
        names = Dir.children(folder).sort.first(20)
        names.empty? ? 'nothing' : names.join(', ')
      end

      def enter(folder)
        $LOAD_PATH.unshift(folder, File.join(folder, 'lib'))
        Dir.chdir(folder)
      end

      # The gems that the builder put into vendor/bundle, found by RubyGems itself, before those of the system.
      def use_gems(folder)
        home = File.join(folder, 'vendor', 'bundle', RUBY_ENGINE, RbConfig::CONFIG['ruby_version'])
        return unless File.directory?(home)

        Gem.paths = { 'GEM_HOME' => home, 'GEM_PATH' => ([home] + Gem.path).uniq.join(File::PATH_SEPARATOR) }
        ENV['BUNDLE_GEMFILE'] ||= File.join(folder, 'Gemfile') if File.file?(File.join(folder, 'Gemfile'))
      end

      def run(_file)
        yield
      rescue LoadFailure
        raise
      rescue Interrupt
        raise
      rescue Exception => e # rubocop:disable Lint/RescueException -- exit while loading and syntax errors as well
        raise LoadFailure, trace(e)
      end

      def pick(entry)
        return constant(entry) if CONSTANT.match?(entry)
        unless NAME.match?(entry)
          raise LoadFailure, "functionName #{entry.inspect} must be a method such as handler, a constant such as App, or config.ru"
        end

        main = TOPLEVEL_BINDING.receiver
        unless main.respond_to?(entry, true)
          raise LoadFailure, "the code has no method #{entry}; it has: #{defined_methods.join(', ').then { |m| m.empty? ? 'none' : m }}"
        end

        handler(main.method(entry))
      end

      def defined_methods
        (Object.private_instance_methods(false) - @before.to_a).sort
      end

      def handler(method)
        wanted = method.arity
        if wanted > 1 || wanted < -2
          raise LoadFailure, "the method #{method.name} takes #{wanted.abs} arguments; a handler takes the context or nothing"
        end

        takes_context = !wanted.zero?
        lambda do |env|
          Answers.rack(takes_context ? method.call(Context.new(env)) : method.call)
        end
      end

      def constant(name)
        value = begin
          Object.const_get(name)
        rescue NameError
          raise LoadFailure, "the code has no constant #{name}"
        end
        value = value.new if value.is_a?(Class) && !value.respond_to?(:call) && value.method_defined?(:call)
        application(value, name)
      end

      def application(app, name)
        raise LoadFailure, "#{name} is a #{app.class}, not a Rack application: it has no method call" unless app.respond_to?(:call)

        ->(env) { env['rack.hijack_io'] ? app.call(env) : complete(app.call(env)) }
      end

      def complete(result)
        result.is_a?(Array) && result.first.to_i.negative? ? result : Answers.triple(result)
      end
    end

    @before = Object.private_instance_methods(false)
  end
end
