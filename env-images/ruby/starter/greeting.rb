# frozen_string_literal: true

Greeting = Struct.new(:name) do
  def text
    "Hello, #{name}!"
  end
end
