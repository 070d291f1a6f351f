<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamInterface;

/** From what a function returns to an answer. */
final class Answers
{
    private const PIECE = 64 * 1024;
    private const TEXT = 'text/plain; charset=utf-8';

    public static function send(Reply $reply, mixed $result, ResponseInterface $offered, string $echoed): void
    {
        [$status, $headers] = self::own();
        if ($result === null) {
            $written = $offered->getBody()->getSize() > 0;
            if (!$written) {
                self::text($reply, $status, $headers, $echoed, 'text/html; charset=UTF-8');
                return;
            }
            $result = $offered;
        }
        self::log($echoed);
        match (true) {
            $result instanceof ResponseInterface => self::response($reply, $result, $headers),
            is_string($result) || is_int($result) || is_float($result) || $result instanceof \Stringable
                => self::text($reply, $status, $headers, (string) $result, self::TEXT),
            is_array($result) || $result instanceof \JsonSerializable
                => self::text($reply, $status, $headers, json_encode($result, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE), 'application/json'),
            $result instanceof StreamInterface => self::stream($reply, $status, self::typed($headers, self::TEXT), $result),
            is_iterable($result) => self::pieces($reply, $status, self::typed($headers, self::TEXT), $result),
            $result instanceof \Closure => self::called($reply, $status, self::typed($headers, self::TEXT), $result),
            default => throw new \TypeError('a function returns a string, an array, a response, a stream, a generator or a closure; this one ' .
                'returned ' . get_debug_type($result)),
        };
    }

    /** What header() and http_response_code() have set. @return array{int, array<string, list<string>>} */
    public static function own(): array
    {
        $headers = [];
        foreach (headers_list() as $line) {
            [$name, $value] = explode(':', $line, 2);
            $headers[$name][] = trim($value);
        }
        return [http_response_code() ?: 200, $headers];
    }

    public static function text(Reply $reply, int $status, array $headers, string $body, string $type): void
    {
        $reply->whole($status, self::typed($headers, $type), $body);
    }

    public static function typed(array $headers, string $type): array
    {
        return array_key_exists('content-type', array_change_key_case($headers)) ? $headers : $headers + ['Content-Type' => [$type]];
    }

    private static function response(Reply $reply, ResponseInterface $response, array $headers): void
    {
        $merged = $response->getHeaders();
        $there = array_change_key_case($merged);
        foreach ($headers as $name => $values) {
            if (strtolower($name) === 'set-cookie' || !isset($there[strtolower($name)])) {
                $merged[$name] = [...($merged[$name] ?? []), ...$values];
            }
        }
        self::stream($reply, $response->getStatusCode(), $merged, $response->getBody());
    }

    private static function stream(Reply $reply, int $status, array $headers, StreamInterface $body): void
    {
        if ($body->isSeekable()) {
            $body->rewind();
        }
        $size = $body->getSize();
        if ($size !== null && $size <= self::PIECE) {
            $reply->whole($status, $headers, $size === 0 ? '' : $body->getContents());
            return;
        }
        $reply->begin($status, $headers, $size);
        while (!$body->eof()) {
            $reply->piece($body->read(self::PIECE));
        }
        $reply->end();
    }

    private static function pieces(Reply $reply, int $status, array $headers, iterable $pieces): void
    {
        foreach ($pieces as $piece) {
            if (!$reply->hasStarted()) { // only now, as a generator may set header() before its first piece
                [$status, $own] = self::own();
                $reply->begin($status, self::typed($own, self::TEXT));
            }
            $reply->piece((string) $piece);
        }
        $reply->hasStarted() ? $reply->end() : $reply->whole($status, $headers, '');
    }

    private static function called(Reply $reply, int $status, array $headers, \Closure $body): void
    {
        $reply->begin($status, $headers);
        $body(static fn (string $piece) => $reply->piece($piece));
        $reply->end();
    }

    private static function log(string $echoed): void
    {
        if ($echoed !== '') {
            $out = fopen('php://stdout', 'w');
            fwrite($out, $echoed);
            fclose($out);
        }
    }
}
