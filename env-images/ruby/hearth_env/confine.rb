# frozen_string_literal: true

require 'fiddle'
require 'fileutils'

module HearthEnv
  # What a forked instance does to itself before it serves: namespaces, mounts, limits, user, capabilities.
  module Confine
    CLONE_NEWNS = 0x00020000
    CLONE_NEWPID = 0x20000000
    MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16_384, 1 << 18
    KEPT_MOUNT_FLAGS = { 'nosuid' => MS_NOSUID, 'nodev' => MS_NODEV, 'noexec' => MS_NOEXEC }.freeze
    MNT_DETACH = 2
    PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
    PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
    SECCOMP_MODE_FILTER = 2
    BPF_INSTRUCTION = 8
    CAPABILITY_VERSION3 = 0x20080522
    SYS_PIDFD_OPEN = 434

    LIBC = Fiddle.dlopen(nil)
    INT, LONG, POINTER = Fiddle::TYPE_INT, Fiddle::TYPE_LONG, Fiddle::TYPE_VOIDP
    SIGNATURES = {
      unshare: [INT], setns: [INT, INT], mount: [POINTER, POINTER, POINTER, LONG, POINTER], umount2: [POINTER, INT],
      prctl: [INT, LONG, LONG, LONG, LONG], capset: [POINTER, POINTER], syscall: [LONG, LONG, LONG]
    }.freeze
    CALLS = SIGNATURES.to_h { |name, types| [name, Fiddle::Function.new(LIBC[name.to_s], types, name == :syscall ? LONG : INT)] }.freeze

    class << self
      # Makes sure that this process may return to its pid namespace after it has made one for a child.
      #
      # Inside a user namespace below the one its pid namespace belongs to it may not: then a child in a namespace of its own
      # goes on instead, and this process only waits for it. Nothing where namespaces are not allowed.
      def enter_own_pid_namespace
        allowed = File.open('/proc/self/ns/pid') { |here| call(:setns, here.fileno, CLONE_NEWPID) }.zero?
        return if allowed || call(:unshare, CLONE_NEWPID) != 0

        pid = fork
        return die_with_parent unless pid

        _, status = Process.wait2(pid)
        exit!(status.exitstatus || 128 + status.termsig)
      end

      def pidfd_of(pid)
        fd = call(:syscall, SYS_PIDFD_OPEN, pid, 0)
        raise SystemCallError.new('pidfd_open', Fiddle.last_error) if fd.negative?

        IO.for_fd(fd)
      end

      def unshare(flags, what)
        check(call(:unshare, flags), what)
      end

      def return_to_pid_namespace(file)
        check(call(:setns, file.fileno, CLONE_NEWPID), 'return to the own pid namespace')
      end

      def die_with_parent
        check(prctl(PR_SET_PDEATHSIG, Signal.list['KILL']), 'set the parent-death signal')
      end

      def join_cgroups(files)
        files.each { |path| File.open(path, File::WRONLY) { |procs| procs.syswrite('0') } } # 0: the writing process itself
      end

      # A mount namespace of its own with `binds`, `tmpfs` and without `detach`; nothing when none is asked for.
      def arrange_mounts(setup)
        binds, tmpfs, detach = setup.values_at('binds', 'tmpfs', 'detach').map { |list| list || [] }
        return if [binds, tmpfs, detach].all?(&:empty?) && !setup['pid_namespace']

        unshare(CLONE_NEWNS, 'make a mount namespace')
        mount('none', '/', nil, MS_REC | MS_PRIVATE)
        mount('proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC) if setup['pid_namespace']
        binds.each { |one| bind(one.fetch('from'), one.fetch('to'), one['ro']) }
        tmpfs.each do |path|
          FileUtils.mkdir_p(path)
          mount('tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=1777')
        end
        detach.each { |path| take_away(path) }
      end

      def limit_resources(rlimits)
        rlimits.each do |name, value|
          raise ArgumentError, "rlimits.#{name} is no resource limit of this system" unless Process.const_defined?("RLIMIT_#{name}")

          Process.setrlimit(name, value, value)
        end
      end

      # Nothing that is started from here on can gain a capability; those held now stay.
      def drop_bounding_set
        64.times { |capability| break unless prctl(PR_CAPBSET_DROP, capability).zero? }
      end

      # Changes user and group for good. The change clears the parent-death signal, so it is set again.
      def become(uid, gid)
        if gid
          Process.groups = [] if Process.euid.zero?
          Process::Sys.setresgid(gid, gid, gid)
        end
        Process::Sys.setresuid(uid, uid, uid) if uid
        die_with_parent
      end

      # No capability is left and none can come back through a program file.
      def drop_privileges
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        check(call(:capset, [CAPABILITY_VERSION3, 0].pack('L2'), "\0" * 24), 'drop capabilities')
        check(prctl(PR_SET_NO_NEW_PRIVS, 1), 'set no_new_privs')
      end

      # Installs a filter for good: BPF instructions in base64, as the daemon made them. Needs no_new_privs.
      def filter_system_calls(program)
        return if program.nil? || program.empty?

        code = program.unpack1('m0')
        raise ArgumentError, 'system_call_filter is no sequence of BPF instructions' if code.empty? || code.bytesize % BPF_INSTRUCTION != 0

        instructions = Fiddle::Pointer[code]
        holder = [code.bytesize / BPF_INSTRUCTION, instructions.to_i].pack('Sx6J') # struct sock_fprog of linux/filter.h
        check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Fiddle::Pointer[holder].to_i), 'install the system call filter')
      end

      private

      def call(name, *arguments)
        CALLS.fetch(name).call(*arguments)
      end

      def prctl(what, *arguments)
        call(:prctl, what, *arguments, *([0] * (4 - arguments.length)))
      end

      def check(result, what)
        raise SystemCallError.new(what, Fiddle.last_error) unless result.zero?
      end

      def mount(source, target, kind, flags, data = nil)
        check(call(:mount, source, target, kind, flags, data), "mount #{source} on #{target}")
      end

      def bind(source, target, read_only)
        make_mount_point(source, target)
        mount(source, target, nil, MS_BIND | MS_REC)
        return unless read_only

        mount('none', target, nil, MS_BIND | MS_REMOUNT | MS_RDONLY | kept_flags(target))
      end

      # A remount may not take away what the mount has; the last line for a path is the mount on top.
      def kept_flags(target)
        path = File.realpath(target).gsub(/[ \t\n\\]/) { |c| format('\\%03o', c.ord) }
        line = File.foreach('/proc/self/mountinfo').select { |one| one.split[4] == path }.last
        KEPT_MOUNT_FLAGS.sum { |name, flag| line && line.split[5].split(',').include?(name) ? flag : 0 }
      end

      def make_mount_point(source, target)
        if File.directory?(source)
          FileUtils.mkdir_p(target)
        elsif !File.exist?(target)
          FileUtils.mkdir_p(File.dirname(target))
          File.open(target, File::CREAT | File::WRONLY, 0o644).close
        end
      end

      def take_away(path)
        return if call(:umount2, path, MNT_DETACH).zero?
        # Mounts of a user namespace above are locked; what lies over them cannot be taken away again either.
        raise SystemCallError.new("detach #{path}", Fiddle.last_error) unless Fiddle.last_error == Errno::EINVAL::Errno

        mount('tmpfs', path, 'tmpfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 'mode=0755,size=4k')
      end
    end
  end
end
