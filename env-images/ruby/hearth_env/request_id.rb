# frozen_string_literal: true

module HearthEnv
  # Which request the running code works for.
  module RequestId
    KEY = :hearth_request_id
    @active = Hash.new(0)
    @lock = Mutex.new

    class << self
      def begin(id)
        Thread.current.thread_variable_set(KEY, id)
        @lock.synchronize { @active[id] += 1 }
      end

      def end(id)
        @lock.synchronize { @active.delete(id) if (@active[id] -= 1) <= 0 }
        Thread.current.thread_variable_set(KEY, nil)
      end

      # Threads that a function starts carry no id: with exactly one request in work they belong to it, with several
      # nothing can be said.
      def current
        own = Thread.current.thread_variable_get(KEY)
        return own if own

        @active.size == 1 ? @active.first.first : ''
      end

      def from_env(env)
        env['HTTP_X_REQUEST_ID'] || env['HTTP_X_FISSION_REQUEST_ID'] || ''
      end
    end
  end
end
