<?php

declare(strict_types=1);

namespace HearthEnv;

/** System calls that PHP has no function for. */
final class Kernel
{
    private const PR_SET_PDEATHSIG = 1;
    private const CLOSE_RANGE_CLOEXEC = 4;
    private const F_SETPIPE_SZ = 1031;
    private const F_GETFL = 3;
    private const O_ACCMODE = 3;
    private const O_WRONLY = 1;
    private static ?\FFI $libc = null;

    private static function libc(): \FFI
    {
        return self::$libc ??= \FFI::cdef(
            'int dup2(int, int); int fcntl(int, int, ...); void _exit(int); int close_range(unsigned, unsigned, int);' .
            'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);',
            'libc.so.6'
        );
    }

    public static function prepare(): void
    {
        self::libc();
    }

    /** Makes the descriptor `$target` another name of what the stream writes to. */
    public static function replace(int $target, $stream): void
    {
        if (self::libc()->dup2(self::descriptor($stream), $target) < 0) {
            throw new \RuntimeException("descriptor $target cannot be replaced");
        }
    }

    /** PHP does not tell the number of a stream's descriptor; the two ends of a named pipe differ in nothing but their mode. */
    private static function descriptor($stream): int
    {
        $wanted = fstat($stream);
        $writesOnly = str_starts_with(stream_get_meta_data($stream)['mode'], 'w');
        foreach (scandir('/proc/self/fd') as $name) {
            $found = is_numeric($name) ? @stat("/proc/self/fd/$name") : false;
            if ($found && $found['ino'] === $wanted['ino'] && $found['dev'] === $wanted['dev']
                && $writesOnly === ((self::libc()->fcntl((int) $name, self::F_GETFL) & self::O_ACCMODE) === self::O_WRONLY)) {
                return (int) $name;
            }
        }
        throw new \RuntimeException('a stream has no descriptor');
    }

    public static function widenPipe($stream, int $bytes): void
    {
        self::libc()->fcntl(self::descriptor($stream), self::F_SETPIPE_SZ, $bytes);
    }

    /** What the function starts gets the standard three descriptors and no other. */
    public static function keepFromChildren(): void
    {
        self::libc()->close_range(3, 0xFFFFFFFF, self::CLOSE_RANGE_CLOEXEC);
    }

    public static function dieWithParent(int $parent): void
    {
        self::libc()->prctl(self::PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (posix_getppid() !== $parent) {
            self::leave(1);
        }
    }

    /** Ends the process without the header lines that PHP's CGI would write to stdout. */
    public static function leave(int $code): never
    {
        self::libc()->_exit($code);
        exit($code);
    }
}
