<?php

declare(strict_types=1);

namespace HearthEnv;

/** From a path and an entry point to what is called: a function, or a script that is run for each request. */
final class Loader
{
    private const SEPARATOR = '::';
    private const USUAL = ['index.php', 'handler.php', 'main.php', 'function.php'];
    private const FATAL = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
    private static string $main = '';

    public static function mainFile(): string
    {
        return self::$main;
    }

    /** Throws LoadFailure with PHP's own words, file and line. */
    public static function load(string $path, string $entry): callable|string
    {
        [$file, $function] = self::split(trim($entry));
        if (is_dir($path)) {
            $file = self::fileOf($path, $file);
        } elseif (is_file($path)) {
            $file = $path;
        } else {
            throw new LoadFailure("there is no file or folder $path");
        }
        self::$main = realpath($file);
        chdir(is_dir($path) ? $path : dirname($path));
        try {
            return self::enter(self::$main, is_dir($path) ? "$path/vendor/autoload.php" : '', $function, trim($entry) === '');
        } catch (LoadFailure $failure) {
            throw $failure;
        } catch (\Throwable $error) {
            throw new LoadFailure(self::trace($error));
        }
    }

    /** `file.php::func`, `file.php::Class::method`, `file.php`, `func`, nothing → file, function. */
    private static function split(string $entry): array
    {
        if (preg_match('/^(.+?\.(?:php|phtml|inc))(?:::(.+))?$/Di', $entry, $found)) {
            return [$found[1], $found[2] ?? ''];
        }
        // A file without an ending, as in user::handler, where the second part is a function.
        return ['', $entry];
    }

    private static function fileOf(string $folder, string $file): string
    {
        if ($file !== '') {
            if (!is_file("$folder/$file")) {
                throw new LoadFailure("the package has no file $file; it has: " . self::listing($folder));
            }
            return "$folder/$file";
        }
        $files = array_map('basename', glob("$folder/*.php"));
        $usual = array_values(array_intersect(self::USUAL, $files));
        $chosen = $usual[0] ?? (count($files) === 1 ? $files[0] : null);
        if ($chosen === null) {
            throw new LoadFailure('the package has none of ' . implode(', ', self::USUAL) . ' and not just one .php file; name the file as in ' .
                'file.php::function. It has: ' . self::listing($folder));
        }
        return "$folder/$chosen";
    }

    private static function listing(string $folder): string
    {
        $names = array_diff(scandir($folder), ['.', '..']);
        return implode(', ', array_slice($names, 0, 20)) ?: 'nothing';
    }

    private static function enter(string $file, string $autoload, string $function, bool $isOpen): callable|string
    {
        if ($autoload !== '' && is_file($autoload)) {
            require_once $autoload;
        }
        if ($function === '' && !($isOpen && self::declares($file, 'handler'))) {
            self::compile($file);
            return $file;
        }
        ob_start();
        try {
            (static function () use ($file) {
                require_once $file;
            })();
        } finally {
            fwrite(fopen('php://stdout', 'w'), (string) ob_get_clean());
        }
        return self::callable($function ?: 'handler', $file);
    }

    /**
     * A script is compiled now, for all requests: its errors show at once, and the processes that serve share the result.
     * In a process of its own, as compiling declares the script's functions, which running it then could not do again.
     */
    private static function compile(string $file): void
    {
        [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $pid = pcntl_fork();
        if ($pid === 0) {
            self::compileAndReport($file, $theirs);
        }
        fclose($theirs);
        $text = (string) stream_get_contents($ours);
        pcntl_waitpid($pid, $status);
        if ($text !== '') {
            throw new LoadFailure($text);
        }
    }

    private static function compileAndReport(string $file, $report): never
    {
        register_shutdown_function(static function () use ($report) {
            $error = self::fatalError();
            fwrite($report, $error ? "PHP Fatal error:  {$error['message']} in {$error['file']} on line {$error['line']}" : '');
            Kernel::leave(1);
        });
        try {
            opcache_compile_file($file);
        } catch (\Throwable $error) {
            fwrite($report, self::trace($error));
        }
        Kernel::leave(0);
    }

    private static function declares(string $file, string $function): bool
    {
        $depth = 0;
        // Without a parse: a file with a syntax error is told of where it is loaded.
        $tokens = array_values(array_filter(\PhpToken::tokenize((string) file_get_contents($file)), fn ($token) => !$token->isIgnorable()));
        foreach ($tokens as $index => $token) {
            $depth += match ($token->text) {
                '{', '${' => 1,
                '}' => -1,
                default => 0,
            };
            if ($depth === 0 && $token->is(T_FUNCTION) && strtolower($tokens[$index + 1]->text ?? '') === $function) {
                return true;
            }
        }
        return false;
    }

    private static function callable(string $function, string $file): callable
    {
        if (is_callable($function)) {
            return str_contains($function, self::SEPARATOR) ? explode(self::SEPARATOR, $function, 2) : $function;
        }
        [$class, $method] = explode(self::SEPARATOR, $function, 2) + [1 => '__invoke'];
        if (class_exists($class) && method_exists($class, $method)) {
            return [new $class(), $method];
        }
        $there = array_filter(get_defined_functions()['user'], fn ($name) => (new \ReflectionFunction($name))->getFileName() === $file);
        throw new LoadFailure("Handler function '$function' not found in " . basename($file) . '; it has: ' . (implode(', ', $there) ?: 'none'));
    }

    /** The error that has ended the process; null when it ended by itself. */
    public static function fatalError(): ?array
    {
        $error = error_get_last();
        return $error !== null && $error['type'] & self::FATAL ? $error : null;
    }

    /** PHP's own trace without the loader's frames. */
    public static function trace(\Throwable $error): string
    {
        if ($error instanceof \ParseError) {
            return "PHP Parse error:  {$error->getMessage()} in {$error->getFile()} on line {$error->getLine()}\n";
        }
        $isOwn = fn (string $line) => str_contains($line, __DIR__ . '/') || str_contains($line, dirname(__DIR__) . '/server.php');
        $lines = array_filter(explode("\n", (string) $error), fn ($line) => !preg_match('/^#\d+ /', $line) || !$isOwn($line));
        $text = preg_replace('# in ' . preg_quote(__DIR__, '#') . '/\w+\.php:\d+$#m', '', implode("\n", $lines));
        return "PHP Fatal error:  Uncaught $text\n";
    }
}
