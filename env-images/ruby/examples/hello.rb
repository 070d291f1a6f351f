# frozen_string_literal: true

# Entry point handler. A String is text, a Hash JSON, a Rack triple whatever it says.
def handler(context)
  "Hello, #{context.params.fetch('name', 'world')}!\n"
end
