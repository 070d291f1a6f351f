<?php

declare(strict_types=1);

namespace HearthEnv;

use GuzzleHttp\Psr7\Response;

/** One answer on its way: the head goes with the first piece, a whole answer with its length, a piecewise one in chunks. */
final class Reply
{
    private const JOINED_LIMIT = 64 * 1024;
    private bool $started = false;
    private bool $chunked = false;
    private bool $ended = false;
    private bool $handedOver = false;

    public function __construct(
        private Connection $connection,
        private bool $isHead,
        private bool $http11,
        public bool $keepAlive
    ) {
    }

    public function hasStarted(): bool
    {
        return $this->started;
    }

    /** PHP writes the answer, so stdout is the caller's. */
    public function isHandedOver(): bool
    {
        return $this->handedOver;
    }

    public function hasEnded(): bool
    {
        return $this->ended;
    }

    /** @param array<string, list<string>> $headers */
    public function whole(int $status, array $headers, string $body): void
    {
        $head = $this->head($status, $headers, self::hasBody($status) ? strlen($body) : null);
        $body = $this->isHead || !self::hasBody($status) ? '' : $body;
        if (strlen($body) <= self::JOINED_LIMIT) {
            $this->connection->write($head . $body);
        } else {
            $this->connection->write($head);
            $this->connection->write($body);
        }
        $this->ended = true;
    }

    /** @param int|null $length of the whole body when it is known */
    public function begin(int $status, array $headers, ?int $length = null): void
    {
        $this->chunked = $length === null && $this->http11 && self::hasBody($status) && !$this->isHead;
        $this->keepAlive = $this->keepAlive && ($this->chunked || $length !== null || $this->isHead || !self::hasBody($status));
        $this->connection->write($this->head($status, $headers, $length));
    }

    public function piece(string $data): void
    {
        if ($data === '' || $this->isHead) {
            return;
        }
        $this->connection->write($this->chunked ? dechex(strlen($data)) . "\r\n$data\r\n" : $data);
    }

    public function end(): void
    {
        if ($this->chunked) {
            $this->connection->write("0\r\n\r\n");
        }
        $this->ended = true;
    }

    /** PHP itself writes the rest of the answer to the connection: header lines first. */
    public function handOver(int $status): void
    {
        $this->started = $this->ended = $this->handedOver = true;
        $this->keepAlive = false;
        $this->connection->write("HTTP/1.1 $status " . self::phrase($status) . "\r\nConnection: close\r\n");
    }

    private function head(int $status, array $headers, ?int $length): string
    {
        $this->started = true;
        $text = "HTTP/1.1 $status " . self::phrase($status) . "\r\n";
        foreach ($headers as $name => $values) {
            if (in_array(strtolower((string) $name), ['content-length', 'transfer-encoding', 'connection'], true)) {
                continue;
            }
            foreach ($values as $value) {
                $text .= "$name: $value\r\n";
            }
        }
        if ($length !== null) {
            $text .= "Content-Length: $length\r\n";
        } elseif ($this->chunked) {
            $text .= "Transfer-Encoding: chunked\r\n";
        }
        return $text . ($this->keepAlive ? ($this->http11 ? "\r\n" : "Connection: keep-alive\r\n\r\n") : "Connection: close\r\n\r\n");
    }

    private static function phrase(int $status): string
    {
        return (new Response($status))->getReasonPhrase();
    }

    private static function hasBody(int $status): bool
    {
        return $status >= 200 && $status !== 204 && $status !== 304;
    }
}
