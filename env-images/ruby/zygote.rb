#!/usr/bin/ruby
# frozen_string_literal: true

# Loads what an instance needs once, then forks instances on demand; see ../README.md for the protocol.

require_relative 'hearth_env/forking'

control = Integer(ENV.delete('HEARTH_ZYGOTE_FD').to_s, exception: false)
abort 'zygote: HEARTH_ZYGOTE_FD must be the number of an inherited socket; the daemon sets it' unless control

HearthEnv::Confine.enter_own_pid_namespace
HearthEnv::Zygote.new(Socket.for_fd(control)).run
