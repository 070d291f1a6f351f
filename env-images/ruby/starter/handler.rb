# frozen_string_literal: true

require_relative 'greeting'

def handler(context)
  name = context.params.fetch('name', 'world')
  context.logger.info("greeting #{name}")
  { greeting: Greeting.new(name).text }
end
