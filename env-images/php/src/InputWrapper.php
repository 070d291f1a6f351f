<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\StreamInterface;

/** php://input of a script: stands in for PHP's own php:// while the script runs and passes on everything else. */
final class InputWrapper
{
    public $context;
    private static ?StreamInterface $input = null;
    private static string $seen = '';
    private $inner = null;
    private int $position = 0;

    public static function install(StreamInterface $input): void
    {
        self::$input = $input;
        self::$seen = '';
        stream_wrapper_unregister('php');
        stream_wrapper_register('php', self::class);
    }

    public static function remove(): void
    {
        if (self::$input !== null) {
            stream_wrapper_restore('php');
            self::$input = null;
            self::$seen = '';
        }
    }

    public function stream_open(string $path, string $mode, int $options, ?string &$opened): bool
    {
        if (strtolower($path) === 'php://input') {
            return true;
        }
        stream_wrapper_restore('php');
        try {
            $this->inner = $this->context ? fopen($path, $mode, false, $this->context) : fopen($path, $mode);
        } finally {
            stream_wrapper_unregister('php');
            stream_wrapper_register('php', self::class);
        }
        return is_resource($this->inner);
    }

    public function stream_read(int $count): string|false
    {
        if ($this->inner) {
            return fread($this->inner, $count);
        }
        // Opened again it starts at the beginning, so what has been read is kept.
        while (strlen(self::$seen) < $this->position + $count && !self::$input->eof()) {
            $piece = self::$input->read($count);
            self::$seen .= $piece;
            if ($piece !== '') {
                break;
            }
        }
        $piece = substr(self::$seen, $this->position, $count);
        $this->position += strlen($piece);
        return $piece;
    }

    public function stream_write(string $data): int
    {
        return $this->inner ? (int) fwrite($this->inner, $data) : 0;
    }

    public function stream_eof(): bool
    {
        return $this->inner ? feof($this->inner) : self::$input->eof() && $this->position >= strlen(self::$seen);
    }

    public function stream_tell(): int
    {
        return $this->inner ? (int) ftell($this->inner) : $this->position;
    }

    public function stream_seek(int $offset, int $whence): bool
    {
        if ($this->inner) {
            return fseek($this->inner, $offset, $whence) === 0;
        }
        if ($whence !== SEEK_SET || $offset > strlen(self::$seen)) {
            return false;
        }
        $this->position = $offset;
        return true;
    }

    public function stream_stat(): array|false
    {
        return $this->inner ? fstat($this->inner) : [];
    }

    public function stream_truncate(int $size): bool
    {
        return $this->inner && ftruncate($this->inner, $size);
    }

    public function stream_flush(): bool
    {
        return $this->inner ? fflush($this->inner) : true;
    }

    public function stream_lock(int $operation): bool
    {
        return $this->inner && flock($this->inner, $operation);
    }

    public function stream_set_option(int $option, int $first, ?int $second): bool
    {
        return false;
    }

    public function stream_cast(int $as)
    {
        return $this->inner ?: false;
    }

    public function stream_close(): void
    {
        if ($this->inner) {
            fclose($this->inner);
        }
    }
}
