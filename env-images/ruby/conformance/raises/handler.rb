# frozen_string_literal: true

raise 'conformance-load'

def handler
  ''
end
