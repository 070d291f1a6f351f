<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\ServerRequestInterface;

/** What is answered before code is loaded, and the loading. */
final class Generic
{
    public const LOADED = "Not a generic container: code is loaded already\n";
    private const V1_PATH = '/userfunc/user';
    private const PLATFORM = ['/healthz' => ['GET', 'HEAD'], '/specialize' => ['POST'], '/v2/specialize' => ['POST']];
    private static ?Reply $loading = null;

    public mixed $function = null;

    public static function isPlatform(string $method, string $path): bool
    {
        return in_array($method, self::PLATFORM[$path] ?? [], true);
    }

    /** Answers one request; the connection is closed afterwards, as another process serves the next. */
    public function serve(Connection $connection): void
    {
        try {
            $head = $connection->readHead();
            if ($head !== null) {
                $request = Requests::parse($head, $connection);
                $reply = new Reply($connection, $request->getMethod() === 'HEAD', true, false);
                [$status, $text] = $this->answer($request, $reply);
                $reply->whole($status, ['Content-Type' => ['text/plain; charset=utf-8']], $text);
            }
        } catch (ConnectionLost) {
            // nobody is there to be told
        }
        $connection->close();
    }

    private function answer(ServerRequestInterface $request, Reply $reply): array
    {
        $path = explode('?', $request->getRequestTarget(), 2)[0];
        if (!self::isPlatform($request->getMethod(), $path)) {
            return [500, "Generic container: no requests supported\n"];
        }
        if ($path === '/healthz') {
            return [200, "ok\n"];
        }
        if ($this->function !== null) {
            return [400, self::LOADED];
        }
        $order = ['filepath' => self::V1_PATH, 'functionName' => ''];
        if ($path === '/v2/specialize') {
            $order = json_decode((string) $request->getBody(), true);
            $fault = self::faultOf($order);
            if ($fault !== null) {
                return [400, "$fault\n"];
            }
        }
        return $this->load($order, $reply);
    }

    private static function faultOf(mixed $order): ?string
    {
        if (json_last_error() !== JSON_ERROR_NONE) {
            return 'the body is not JSON: ' . json_last_error_msg();
        }
        if (!is_array($order) || (array_is_list($order) && $order !== [])) {
            return 'the body must be a JSON object with filepath and functionName';
        }
        if (!is_string($order['filepath'] ?? null) || $order['filepath'] === '') {
            return 'filepath must be the path of the code';
        }
        if (!is_string($order['functionName'] ?? '')) {
            return 'functionName must be a text such as hello.php::handler';
        }
        $env = $order['env'] ?? [];
        $bad = is_array($env) ? array_filter($env, self::isNoVariable(...), ARRAY_FILTER_USE_BOTH) : [$env];
        return $bad === [] ? null : 'env must be an object of texts, with names that an environment can hold';
    }

    private static function isNoVariable(mixed $value, int|string $name): bool
    {
        return !is_string($value) || $name === '' || is_int($name) || str_contains($name . $value, "\0") || str_contains($name, '=');
    }

    private function load(array $order, Reply $reply): array
    {
        foreach ($order['env'] ?? [] as $name => $value) {
            putenv("$name=$value");
            $_ENV[$name] = $_SERVER[$name] = $value;
        }
        self::$loading = $reply;
        register_shutdown_function(self::interrupted(...));
        try {
            $this->function = Loader::load($order['filepath'], $order['functionName'] ?? '');
            return [200, ''];
        } catch (LoadFailure $failure) {
            error_log(rtrim($failure->getMessage()));
            return [500, rtrim($failure->getMessage()) . "\n"];
        } finally {
            self::$loading = null;
        }
    }

    /** The code ended the process while it was loaded: PHP cannot go on, but whoever deployed it is told why. */
    private static function interrupted(): void
    {
        if (self::$loading === null) {
            return;
        }
        $error = Loader::fatalError();
        $text = $error === null ? 'the code ended the process while it was loaded (exit)'
            : "PHP Fatal error:  {$error['message']} in {$error['file']} on line {$error['line']}";
        while (ob_get_level() > 0) {
            ob_end_clean();
        }
        try {
            self::$loading->whole(500, ['Content-Type' => ['text/plain; charset=utf-8']], "$text\n");
        } catch (ConnectionLost) {
            // nobody is there to be told
        }
        Kernel::leave(1);
    }
}
