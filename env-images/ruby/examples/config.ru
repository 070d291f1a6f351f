# frozen_string_literal: true

# Entry point config.ru, or none: a whole Rack application.
run ->(env) { [200, { 'Content-Type' => 'text/plain' }, ["#{env['REQUEST_METHOD']} #{env['PATH_INFO']}\n"]] }
