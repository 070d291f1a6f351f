# frozen_string_literal: true

module HearthEnv
  # The folder for temporary files, Puma's of large bodies among them. Ruby takes none that everybody may write to unless it has the
  # sticky bit, which a pod's /tmp has not: one of the instance's own is made there.
  module Scratch
    def self.prepare
      folder = ENV['TMPDIR'] || '/tmp'
      stat = File.stat(folder)
      return unless stat.world_writable? && !stat.sticky?

      own = File.join(folder, "ruby-#{Process.uid}")
      Dir.mkdir(own, 0o700) unless File.directory?(own)
      ENV['TMPDIR'] = own
    rescue SystemCallError => e
      warn "ruby environment: no folder for temporary files: #{e.message}"
    end
  end
end
