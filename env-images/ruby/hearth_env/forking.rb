# frozen_string_literal: true

require 'json'
require 'socket'
require 'nio'
require_relative 'confine'
require_relative 'serving'

module HearthEnv
  # The zygote's side of its protocol: forks an instance per order, reaps, answers. One thread.
  class Zygote
    PACKET_LIMIT = 1 << 20
    ANSWER_LIMIT = 8 * 1024
    # An instance that has been forked and does not listen yet.
    Birth = Struct.new(:name, :pid, :pidfd, :report, :text)

    def initialize(control)
      @control = control
      @control.close_on_exec = true
      @children = {} # pid → name
      @births = {} # report pipe → Birth
      @wake_read, @wake_write = IO.pipe
    end

    # Serves until the daemon's end of the socket is gone, then takes the children along.
    def run
      trap('CHLD') { @wake_write.write_nonblock('.', exception: false) }
      Confine.drop_bounding_set # children inherit it, and drop the rest themselves
      load_everything
      tell({ ready: true })
      nil while IO.select([@control, @wake_read, *@births.keys]).first.all? { |io| attend(io) }
      end_children
    end

    private

    # What would be loaded at the first request otherwise; then all objects are old, and shared pages stay as they are.
    def load_everything
      Rack::Request.new({ 'QUERY_STRING' => 'a=b', 'rack.input' => StringIO.new }).params
      [Rack::Response, Rack::Builder, Rack::BodyProxy, Rack::MediaType].each(&:name)
      4.times { GC.start }
      GC.compact if GC.respond_to?(:compact)
    end

    def attend(io)
      return hear(@births[io]) if @births.key?(io)

      io == @wake_read ? reap : take_order
    end

    # False when nobody listens any more.
    def tell(message, *ios)
      rights = ios.empty? ? [] : [Socket::AncillaryData.unix_rights(*ios)]
      @control.sendmsg(JSON.generate(message), 0, nil, *rights)
      true
    rescue Errno::EPIPE, Errno::ECONNRESET, Errno::ENOTCONN
      false
    end

    def reap
      @wake_read.read_nonblock(4096, exception: false)
      until @children.empty?
        pid, status = Process.wait2(-1, Process::WNOHANG)
        return true unless pid

        name = @children.delete(pid)
        return false if name && !tell({ name: name, pid: pid, status: status.to_i })
      end
      true
    rescue Errno::ECHILD
      true
    end

    # Handles one packet; false at the end of the stream.
    def take_order
      data, _, _, *controls = @control.recvmsg(PACKET_LIMIT, 0, 4096, scm_rights: true)
      return false if data.nil? || data.empty?

      ios = controls.select { |one| one.cmsg_is?(:SOCKET, :RIGHTS) }.flat_map(&:unix_rights)
      begin
        obey(data, ios)
      ensure
        ios.each(&:close)
      end
    rescue Errno::ECONNRESET, EOFError
      false
    end

    # Forks; the answer follows when the instance listens, so that several can be on their way.
    def obey(data, ios)
      name = ''
      order = JSON.parse(data)
      name = order.fetch('name', '')
      raise ArgumentError, "unknown op #{order['op'].inspect}; this zygote knows fork" unless order['op'] == 'fork'
      raise ArgumentError, "an order carries 2 descriptors (stdout, stderr), this one #{ios.length}" unless ios.length == 2

      fork_instance(name, order, ios)
      true
    rescue StandardError => e
      tell({ name: name, error: "#{e.class}: #{e.message}" })
    end

    def fork_instance(name, order, ios)
      report, write = IO.pipe
      pid = fork_into((order['setup'] || {})['pid_namespace']) { Birthing.new(order, ios, write).run }
      write.close
      @children[pid] = name
      @births[report] = Birth.new(name, pid, Confine.pidfd_of(pid), report, +'')
    end

    def fork_into(new_pid_namespace, &child)
      return fork(&child) unless new_pid_namespace

      # Only children enter the namespace that unshare() makes, and a second unshare() is refused until the process is back in its own.
      @own_pid_namespace ||= File.open('/proc/self/ns/pid')
      Confine.unshare(Confine::CLONE_NEWPID, 'make a pid namespace')
      begin
        fork(&child)
      ensure
        Confine.return_to_pid_namespace(@own_pid_namespace)
      end
    end

    # What a child says about its start; false when nobody listens any more.
    def hear(birth)
      chunk = birth.report.read_nonblock(ANSWER_LIMIT, exception: false)
      return true if chunk == :wait_readable

      birth.text << chunk if chunk
      return true if chunk && birth.text != 'ok'

      @births.delete(birth.report)
      birth.report.close
      conclude(birth)
    ensure
      birth.pidfd.close if birth.report.closed?
    end

    def conclude(birth)
      return tell({ name: birth.name, pid: birth.pid }, birth.pidfd) if birth.text == 'ok'

      put_away(birth.pid)
      error = birth.text.empty? ? 'the instance died before it listened' : birth.text.dup.force_encoding('UTF-8').scrub
      tell({ name: birth.name, error: "RuntimeError: #{error}" })
    end

    def put_away(pid)
      return unless @children.delete(pid) # reaped already

      Process.kill('KILL', pid)
      Process.wait(pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end

    def end_children
      @children.each_key { |pid| [-pid, pid].each { |target| kill(target) } }
      @children.each_key { |pid| Process.wait(pid) }
    rescue Errno::ECHILD
      nil
    end

    def kill(target)
      Process.kill('KILL', target)
    rescue Errno::ESRCH, Errno::EPERM
      nil
    end
  end

  # The forked instance, from its first step to its end.
  class Birthing
    def initialize(order, ios, report)
      @order = order
      @setup = order['setup'] || {}
      @ios = ios
      @report = report
    end

    def run
      trap('CHLD', 'DEFAULT')
      server = become_instance
      @report.syswrite('ok')
      @report.close
      server.serve
    rescue StandardError, ScriptError => e
      raise if @report.closed?

      @report.syswrite("#{e.class}: #{e.message}".byteslice(0, Zygote::ANSWER_LIMIT))
      exit!(1)
    end

    private

    def become_instance
      Confine.join_cgroups(@setup['cgroup_procs'] || [])
      Confine.die_with_parent
      Process.setsid
      arrange_descriptors
      ENV.update(@order['env'] || {})
      ENV['HEARTH_LISTEN'] = @order.fetch('listen')
      Confine.arrange_mounts(@setup)
      server = Server.new(Instance.new)
      server.listen(@order['listen'])
      Confine.limit_resources(@setup['rlimits'] || {})
      Confine.become(@setup['uid'], @setup['gid'])
      Confine.drop_privileges
      Confine.filter_system_calls(@setup['system_call_filter'])
      Output.install
      server
    end

    # Only the standard three and the report pipe stay open, besides what Ruby itself needs.
    def arrange_descriptors
      STDIN.reopen(File::NULL)
      STDOUT.reopen(@ios[0])
      STDERR.reopen(@ios[1])
      ObjectSpace.each_object(IO) { |io| io.close unless io.closed? || io == @report || io.fileno <= 2 }
    end
  end
end
