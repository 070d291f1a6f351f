<?php

declare(strict_types=1);

namespace HearthEnv;

use GuzzleHttp\Psr7\Message;
use GuzzleHttp\Psr7\ServerRequest;
use GuzzleHttp\Psr7\Uri;
use Psr\Http\Message\ServerRequestInterface;

/** From a request's head to a PSR-7 request and to PHP's superglobals. */
final class Requests
{
    private const FILES = 'hearth.files';
    private const METHOD = '/^([!#$%&\'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(1\.[01])$/D';

    /** Throws ConnectionLost with what is wrong when the head is no HTTP/1.x. */
    public static function parse(string $head, Connection $connection): ServerRequestInterface
    {
        try {
            ['start-line' => $line, 'headers' => $headers] = Message::parseMessage($head . "\r\n\r\n");
        } catch (\InvalidArgumentException $error) {
            throw new ConnectionLost($error->getMessage());
        }
        if (!preg_match(self::METHOD, $line, $found)) {
            throw new ConnectionLost('the request line is no HTTP/1.1');
        }
        [, $method, $target, $version] = $found;
        $body = self::body(self::lowered($headers), $connection);
        $server = self::serverParameters($method, $target, $version, $headers);
        $request = new ServerRequest($method, self::uri($target, $server['HTTP_HOST'] ?? 'localhost'), $headers, $body, $version, $server);
        parse_str($server['QUERY_STRING'], $query);
        return $request->withQueryParams($query)->withCookieParams(self::cookies($server['HTTP_COOKIE'] ?? ''))
            ->withRequestTarget($target);
    }

    private static function lowered(array $headers): array
    {
        $lowered = [];
        foreach ($headers as $name => $values) {
            $lowered[strtolower((string) $name)] = [...($lowered[strtolower((string) $name)] ?? []), ...$values];
        }
        return $lowered;
    }

    private static function body(array $headers, Connection $connection): RequestBody
    {
        $awaited = strtolower($headers['expect'][0] ?? '') === '100-continue';
        $coding = $headers['transfer-encoding'] ?? null;
        $lengths = array_unique($headers['content-length'] ?? []);
        if ($coding !== null) {
            if (strtolower(implode(',', $coding)) !== 'chunked' || $lengths !== []) {
                throw new ConnectionLost('Transfer-Encoding must be chunked, without a Content-Length');
            }
            return new RequestBody($connection, null, $awaited);
        }
        if (count($lengths) > 1 || ($lengths !== [] && !preg_match('/^\d{1,18}$/D', $lengths[0]))) {
            throw new ConnectionLost('Content-Length must be one number');
        }
        return new RequestBody($connection, (int) ($lengths[0] ?? 0), $awaited);
    }

    private static function uri(string $target, string $host): Uri
    {
        try {
            return new Uri(str_starts_with($target, '/') ? "http://$host$target" : $target);
        } catch (\InvalidArgumentException) {
            [$path, $query] = explode('?', $target, 2) + [1 => ''];
            return (new Uri())->withPath($path)->withQuery($query);
        }
    }

    /** What $_SERVER holds under a web server. */
    private static function serverParameters(string $method, string $target, string $version, array $headers): array
    {
        [$path, $query] = explode('?', $target, 2) + [1 => ''];
        $server = [
            'REQUEST_METHOD' => $method, 'REQUEST_URI' => $target, 'QUERY_STRING' => $query, 'PATH_INFO' => rawurldecode($path),
            'SERVER_PROTOCOL' => "HTTP/$version", 'SERVER_NAME' => 'localhost', 'SERVER_PORT' => '80', 'SERVER_SOFTWARE' => 'hearth',
            'REMOTE_ADDR' => '127.0.0.1', 'REQUEST_TIME' => time(), 'REQUEST_TIME_FLOAT' => microtime(true),
        ];
        foreach ($headers as $name => $values) {
            $key = strtoupper(strtr((string) $name, '-', '_'));
            $key = in_array($key, ['CONTENT_TYPE', 'CONTENT_LENGTH'], true) ? $key : "HTTP_$key";
            $server[$key] = implode($key === 'HTTP_COOKIE' ? '; ' : ', ', $values);
        }
        return $server;
    }

    private static function cookies(string $line): array
    {
        $cookies = [];
        foreach (explode(';', $line) as $pair) {
            [$name, $value] = explode('=', $pair, 2) + [1 => null];
            if ($value !== null) {
                $cookies[trim($name)] ??= urldecode(trim($value));
            }
        }
        return $cookies;
    }

    /** With the fields and files of a form, when the body is one; reads the body then. Throws FormRefused. */
    public static function withForm(ServerRequestInterface $request): ServerRequestInterface
    {
        $boundary = $request->getMethod() === 'GET' ? null : Multipart::boundary($request->getHeaderLine('Content-Type'));
        if ($boundary !== null) {
            [$fields, $files] = Multipart::read($request->getBody(), $boundary);
            // As under a web server, the body has been read: it may be larger than memory.
            return $request->withParsedBody($fields)->withUploadedFiles(ServerRequest::normalizeFiles($files))
                ->withAttribute(self::FILES, $files);
        }
        $type = strtolower(trim(explode(';', $request->getHeaderLine('Content-Type'))[0]));
        if ($type !== 'application/x-www-form-urlencoded' || $request->getMethod() === 'GET') {
            return $request;
        }
        $text = (string) $request->getBody();
        parse_str($text, $fields);
        return $request->withParsedBody($fields)->withBody(\GuzzleHttp\Psr7\Utils::streamFor($text));
    }

    public static function setSuperglobals(ServerRequestInterface $request): void
    {
        $_SERVER = $request->getServerParams() + ['SCRIPT_NAME' => '/', 'SCRIPT_FILENAME' => Loader::mainFile(), 'argv' => [], 'argc' => 0] + getenv();
        $_GET = $request->getQueryParams();
        $_POST = (array) ($request->getParsedBody() ?? []);
        $_COOKIE = $request->getCookieParams();
        $_FILES = $request->getAttribute(self::FILES, []);
        $_REQUEST = $_POST + $_GET;
    }

    public static function id(ServerRequestInterface $request): string
    {
        return $request->getHeaderLine('X-Request-Id') ?: $request->getHeaderLine('X-Fission-Request-ID');
    }

    public static function keepsConnection(ServerRequestInterface $request): bool
    {
        $wish = strtolower($request->getHeaderLine('Connection'));
        return $request->getProtocolVersion() === '1.1' ? $wish !== 'close' : $wish === 'keep-alive';
    }
}
