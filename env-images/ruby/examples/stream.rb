# frozen_string_literal: true

# Entry point events. A body with each, or a proc that writes, is sent piece by piece.
def events(_context)
  body = proc do |stream|
    5.times do |i|
      stream << "data: #{i}\n\n"
      sleep 0.2
    end
  end
  [200, { 'Content-Type' => 'text/event-stream' }, body]
end
