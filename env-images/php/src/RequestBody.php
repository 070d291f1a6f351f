<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\StreamInterface;

/** A request's body as a PSR-7 stream: read from the caller while it is read here. */
final class RequestBody implements StreamInterface
{
    private const DISCARD_LIMIT = 1 << 20;
    private int $left;
    private int $position = 0;
    private bool $ended = false;

    /** @param int|null $size bytes that Content-Length announces; null: chunks */
    public function __construct(private ?Connection $connection, private ?int $size, private bool $awaitsContinue)
    {
        $this->left = $size ?? 0;
        $this->ended = $size === 0;
    }

    public function read($length): string
    {
        if ($this->ended || $length <= 0) {
            return '';
        }
        $this->invite();
        if ($this->left === 0 && !$this->nextChunk()) {
            return '';
        }
        $piece = $this->connection->readSome(min($length, $this->left));
        $this->left -= strlen($piece);
        $this->position += strlen($piece);
        if ($this->left === 0) {
            $this->endPiece();
        }
        return $piece;
    }

    private function invite(): void
    {
        if ($this->awaitsContinue) {
            $this->awaitsContinue = false;
            $this->connection->write("HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    private function nextChunk(): bool
    {
        $line = $this->connection->readLine();
        if (!preg_match('/^([0-9a-fA-F]{1,15})(?:[ \t]*;.*)?$/D', $line, $found)) {
            throw new ConnectionLost('a chunk of the request body has no size');
        }
        $this->left = (int) hexdec($found[1]);
        if ($this->left > 0) {
            return true;
        }
        while ($this->connection->readLine() !== '') {
            // trailers
        }
        $this->ended = true;
        return false;
    }

    private function endPiece(): void
    {
        if ($this->size !== null) {
            $this->ended = true;
        } elseif ($this->connection->readLine() !== '') {
            throw new ConnectionLost('a chunk of the request body is longer than it says');
        }
    }

    /** Reads what the function left unread; false when that is too much and the connection had better be closed. */
    public function discard(): bool
    {
        if ($this->awaitsContinue && !$this->ended) {
            return false;
        }
        for ($seen = 0; !$this->ended && $seen <= self::DISCARD_LIMIT; $seen += strlen($this->read(65536))) {
            // nothing is kept
        }
        return $this->ended;
    }

    public function getContents(): string
    {
        $all = '';
        while (!$this->ended) {
            $all .= $this->read(1 << 20);
        }
        return $all;
    }

    public function __toString(): string
    {
        return $this->getContents();
    }

    public function eof(): bool
    {
        return $this->ended;
    }

    public function getSize(): ?int
    {
        return $this->size;
    }

    public function tell(): int
    {
        return $this->position;
    }

    public function isReadable(): bool
    {
        return true;
    }

    public function isSeekable(): bool
    {
        return false;
    }

    public function isWritable(): bool
    {
        return false;
    }

    public function seek($offset, $whence = SEEK_SET): void
    {
        throw new \RuntimeException('a request body is read once, from its beginning to its end');
    }

    public function rewind(): void
    {
        if ($this->position > 0) {
            $this->seek(0);
        }
    }

    public function write($string): int
    {
        throw new \RuntimeException('a request body cannot be written to');
    }

    public function getMetadata($key = null)
    {
        return $key === null ? [] : null;
    }

    public function close(): void
    {
    }

    public function detach()
    {
        return null;
    }
}
