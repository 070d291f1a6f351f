<?php

declare(strict_types=1);

namespace HearthEnv;

/** The caller has gone, or what it sends is no HTTP/1.1; the connection is of no more use. */
final class ConnectionLost extends \RuntimeException
{
}

/** One caller's connection: bytes in, bytes out. */
final class Connection
{
    private const HEAD_LIMIT = 256 * 1024;
    private const PIECE = 64 * 1024;
    private string $buffer = '';

    public function __construct(private $stream)
    {
        stream_set_blocking($stream, true);
        stream_set_timeout($stream, 7 * 24 * 3600);
        stream_set_read_buffer($stream, 0);
        stream_set_write_buffer($stream, 0);
    }

    public function stream()
    {
        return $this->stream;
    }

    public function hasInput(): bool
    {
        return $this->buffer !== '';
    }

    /** The head of the next request without its empty line; null when the caller has ended the connection before one. */
    public function readHead(): ?string
    {
        while (($end = strpos($this->buffer, "\r\n\r\n")) === false) {
            if (strlen($this->buffer) > self::HEAD_LIMIT) {
                throw new ConnectionLost('the request head is too large');
            }
            if (!$this->fill()) {
                return null;
            }
        }
        $head = substr($this->buffer, 0, $end);
        $this->buffer = substr($this->buffer, $end + 4);
        return ltrim($head, "\r\n");
    }

    public function readLine(): string
    {
        while (($end = strpos($this->buffer, "\r\n")) === false) {
            if (strlen($this->buffer) > self::HEAD_LIMIT || !$this->fill()) {
                throw new ConnectionLost('the request body ends too early');
            }
        }
        $line = substr($this->buffer, 0, $end);
        $this->buffer = substr($this->buffer, $end + 2);
        return $line;
    }

    /** At least one byte, as many as are there up to `$limit`. */
    public function readSome(int $limit): string
    {
        if ($this->buffer === '' && !$this->fill()) {
            throw new ConnectionLost('the request body ends too early');
        }
        $piece = substr($this->buffer, 0, $limit);
        $this->buffer = substr($this->buffer, strlen($piece));
        return $piece;
    }

    private function fill(): bool
    {
        $data = @fread($this->stream, self::PIECE);
        if ($data === false || $data === '') {
            return false;
        }
        $this->buffer .= $data;
        return true;
    }

    public function write(string $data): void
    {
        for ($sent = 0; $sent < strlen($data); $sent += $count) {
            $count = @fwrite($this->stream, $sent === 0 ? $data : substr($data, $sent));
            if ($count === false || $count === 0) {
                throw new ConnectionLost('the caller has gone');
            }
        }
    }

    public function close(): void
    {
        @stream_socket_shutdown($this->stream, STREAM_SHUT_RDWR);
        @fclose($this->stream);
    }
}
