<?php

declare(strict_types=1);

use GuzzleHttp\Psr7\Response;
use Psr\Http\Message\ServerRequestInterface;

require_once __DIR__ . '/pieces.php';

/** One route per behaviour that functions may rely on. */
function handler(array $context): mixed
{
    $request = $context['request'];
    $route = [
        '/hello' => 'hello', '/echo' => 'echo_back', '/unicode' => 'unicode', '/status' => 'status', '/headers' => 'headers',
        '/stream' => 'stream', '/large' => 'large', '/count' => 'count_body', '/throw' => 'throw_on_purpose',
        '/sleep' => 'sleep_a_while', '/forever' => 'forever', '/print' => 'print_both', '/env' => 'environment',
    ][$request->getUri()->getPath()] ?? null;
    return $route ? $route($request) : text("no such path: {$request->getUri()->getPath()}\n", 404);
}

function text(string $body, int $status = 200, array $headers = []): Response
{
    return new Response($status, $headers + ['Content-Type' => 'text/plain; charset=utf-8'], $body);
}

function number(ServerRequestInterface $request, string $name): int
{
    return (int) $request->getQueryParams()[$name];
}

function hello(): string
{
    return "hello\n";
}

function echo_back(ServerRequestInterface $request): Response
{
    return new Response(200, ['X-Method' => $request->getMethod(), 'Content-Type' => $request->getHeaderLine('Content-Type')],
        (string) $request->getBody());
}

function unicode(ServerRequestInterface $request): string
{
    return "grüß {$request->getQueryParams()['name']} ✓\n";
}

function status(ServerRequestInterface $request): Response
{
    $code = number($request, 'code');
    return text("status $code\n", $code, ['X-Custom' => 'yes']);
}

function headers(ServerRequestInterface $request): array
{
    return array_change_key_case(array_map(fn ($values) => implode(', ', $values), $request->getHeaders()));
}

function stream(ServerRequestInterface $request): Generator
{
    return Pieces\chunks(number($request, 'n'), number($request, 'ms'));
}

function large(ServerRequestInterface $request): Generator
{
    return Pieces\digits(number($request, 'bytes'));
}

function count_body(ServerRequestInterface $request): string
{
    $body = $request->getBody();
    $length = 0;
    $digest = hash_init('sha256');
    while (!$body->eof()) {
        $piece = $body->read(65536);
        $length += strlen($piece);
        hash_update($digest, $piece);
    }
    return $length . ' ' . hash_final($digest) . "\n";
}

function throw_on_purpose(): never
{
    throw new RuntimeException('conformance-throw');
}

function sleep_a_while(ServerRequestInterface $request): string
{
    usleep(number($request, 'ms') * 1000);
    return "slept\n";
}

function forever(): never
{
    while (true) {
        sleep(3600);
    }
}

function print_both(ServerRequestInterface $request): string
{
    $text = $request->getQueryParams()['text'];
    fwrite(STDOUT, "out $text\n");
    error_log("err $text");
    return "printed\n";
}

function environment(ServerRequestInterface $request): string|Response
{
    $value = getenv($request->getQueryParams()['name']);
    return $value === false ? text("no such variable\n", 404) : $value;
}
