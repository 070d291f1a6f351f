# frozen_string_literal: true

# Bodies that are made while they are sent.
module Pieces
  BLOCK = '0123456789' * 6400

  def self.chunks(count, pause)
    Enumerator.new do |out|
      count.times do |i|
        sleep pause unless i.zero?
        out << "chunk #{i}\n"
      end
    end
  end

  def self.digits(bytes)
    Enumerator.new do |out|
      (bytes / BLOCK.length).times { out << BLOCK }
      out << BLOCK[0, bytes % BLOCK.length]
    end
  end
end
