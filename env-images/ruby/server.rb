#!/usr/bin/ruby
# frozen_string_literal: true

# One instance of the Ruby environment: serves on HEARTH_LISTEN, else on 0.0.0.0:8888. The contract is in ../README.md.

require_relative 'hearth_env/scratch'
require_relative 'hearth_env/serving'

HearthEnv::Scratch.prepare

begin
  server = HearthEnv::Server.new(HearthEnv::Instance.new)
  server.listen(ENV['HEARTH_LISTEN'])
rescue ArgumentError, SystemCallError => e
  where = ENV['HEARTH_LISTEN'] || HearthEnv::Server::DEFAULT_LISTEN
  abort "ruby environment: cannot listen on #{where}: #{e.message}"
end
HearthEnv::Output.install
server.serve
