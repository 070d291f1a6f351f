<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\StreamInterface;

/**
 * A multipart/form-data body (RFC 7578), read once from front to back: fields in memory, files on the disk of the instance.
 * PHP's own reader of such bodies serves the server interfaces it has been built with alone.
 */
final class Multipart
{
    private const PIECE = 64 * 1024;
    private const MOST_PARTS = 1000;
    private const MOST_HEADER = 16 * 1024;
    private const MOST_FIELD_BYTES = 8 << 20; // of all fields together, PHP's default of post_max_size
    private string $buffer = "\r\n"; // so that the first delimiter looks like all others
    private int $fieldBytes = 0;
    private int $parts = 0;
    /** @var list<string> */
    private static array $temporary = [];
    private array $query = [];
    private array $files = [];

    private function __construct(private StreamInterface $body, private string $delimiter)
    {
    }

    /** The boundary of a Content-Type; null when it is no multipart form. */
    public static function boundary(string $contentType): ?string
    {
        if (!preg_match('/^multipart\/form-data\s*;(.*)$/is', trim($contentType), $found)) {
            return null;
        }
        return preg_match('/(?:^|;)\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i', $found[1], $name) ? ($name[1] ?: $name[2]) : null;
    }

    /**
     * Fields as in $_POST and files as in $_FILES.
     * @return array{0: array, 1: array}
     * @throws FormRefused
     */
    public static function read(StreamInterface $body, string $boundary): array
    {
        $form = new self($body, "\r\n--$boundary");
        $form->copyTo(static fn (string $piece) => null);
        while (!$form->isLast()) {
            $form->part();
        }
        parse_str(implode('&', $form->query), $fields);
        return [$fields, $form->asPhpHasThem()];
    }

    /** Whether a path is a file that came with the present request. */
    public static function isUploaded(string $path): bool
    {
        return in_array($path, self::$temporary, true);
    }

    public static function forget(string $path): void
    {
        self::$temporary = array_values(array_diff(self::$temporary, [$path]));
    }

    /** At the end of a request: files that nobody has moved away. */
    public static function removeFiles(): void
    {
        array_map(static fn (string $path) => @unlink($path), self::$temporary);
        self::$temporary = [];
    }

    private function fill(): void
    {
        $piece = $this->body->read(self::PIECE);
        if ($piece === '') {
            throw new FormRefused(400, 'the multipart form ends before its last delimiter');
        }
        $this->buffer .= $piece;
    }

    /** What stands before the next delimiter, piece by piece. */
    private function copyTo(callable $take): void
    {
        while (($at = strpos($this->buffer, $this->delimiter)) === false) {
            $sure = strlen($this->buffer) - strlen($this->delimiter) + 1;
            if ($sure > 0) {
                $take(substr($this->buffer, 0, $sure));
                $this->buffer = substr($this->buffer, $sure);
            }
            $this->fill();
        }
        $take(substr($this->buffer, 0, $at));
        $this->buffer = substr($this->buffer, $at + strlen($this->delimiter));
    }

    private function isLast(): bool
    {
        while (strlen($this->buffer) < 2) {
            $this->fill();
        }
        if (str_starts_with($this->buffer, '--')) {
            while ($this->body->read(self::PIECE) !== '') {
                // an epilogue means nothing
            }
            return true;
        }
        if (++$this->parts > self::MOST_PARTS) {
            throw new FormRefused(413, 'the multipart form has more than ' . self::MOST_PARTS . ' parts');
        }
        return false;
    }

    private function headers(): array
    {
        while (($end = strpos($this->buffer, "\r\n\r\n")) === false && strlen($this->buffer) <= self::MOST_HEADER) {
            $this->fill();
        }
        if ($end === false || $end > self::MOST_HEADER) {
            throw new FormRefused(400, 'the head of a part of the multipart form has more than ' . self::MOST_HEADER . ' bytes');
        }
        $headers = [];
        foreach (explode("\r\n", substr($this->buffer, 0, $end)) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower(trim($name))] = trim($value);
        }
        $this->buffer = substr($this->buffer, $end + 2); // the delimiter's line break may follow at once
        return $headers;
    }

    private static function parameter(string $disposition, string $name): ?string
    {
        // Browsers write %22 for a quotation mark, others a backslash before it.
        if (!preg_match('/;\s*' . $name . '=(?:"((?:\\\\"|[^"])*)"|([^\s;]+))/i', $disposition, $found)) {
            return null;
        }
        return strtr(($found[1] ?? '') !== '' ? $found[1] : ($found[2] ?? ''), ['\\"' => '"', '%22' => '"']);
    }

    private function part(): void
    {
        $headers = $this->headers();
        $disposition = $headers['content-disposition'] ?? '';
        $name = self::parameter($disposition, 'name');
        $file = self::parameter($disposition, 'filename');
        $skip = 2; // the empty line's end
        $withoutStart = static function (callable $take) use (&$skip): callable {
            return static function (string $piece) use (&$skip, $take): void {
                $cut = min($skip, strlen($piece));
                $skip -= $cut;
                $take(substr($piece, $cut));
            };
        };
        if ($name === null || $name === '') {
            $this->copyTo(static fn (string $piece) => null);
        } elseif ($file !== null) {
            $this->file($name, $file, $headers['content-type'] ?? '', $withoutStart);
        } else {
            $value = '';
            $this->copyTo($withoutStart(function (string $piece) use (&$value): void {
                $this->fieldBytes += strlen($piece);
                if ($this->fieldBytes > self::MOST_FIELD_BYTES) {
                    throw new FormRefused(413, 'the fields of the multipart form have more than ' . self::MOST_FIELD_BYTES . ' bytes');
                }
                $value .= $piece;
            }));
            $this->query[] = urlencode($name) . '=' . urlencode($value);
        }
    }

    private function file(string $field, string $file, string $type, callable $withoutStart): void
    {
        $entry = ['name' => basename(strtr($file, '\\', '/')), 'full_path' => $file, 'type' => $type, 'tmp_name' => '',
                  'error' => UPLOAD_ERR_NO_FILE, 'size' => 0];
        if ($file === '') {
            $this->copyTo(static fn (string $piece) => null);
        } else {
            $path = tempnam(sys_get_temp_dir(), 'php');
            $out = $path === false ? false : fopen($path, 'wb');
            $failed = $out === false;
            $failed || self::$temporary[] = $path;
            $this->copyTo($withoutStart(static function (string $piece) use ($out, &$failed, &$entry): void {
                $entry['size'] += strlen($piece);
                $failed = $failed || @fwrite($out, $piece) !== strlen($piece);
            }));
            $out === false || $failed = !fclose($out) || $failed;
            $entry['error'] = $failed ? UPLOAD_ERR_CANT_WRITE : UPLOAD_ERR_OK;
            $entry['tmp_name'] = $failed ? '' : $path;
            $entry['size'] = $failed ? 0 : $entry['size'];
        }
        $this->files[] = [$field, $entry];
    }

    /** `docs[a][]` is $_FILES['docs']['name']['a'][0] and so on. */
    private function asPhpHasThem(): array
    {
        $query = '';
        foreach ($this->files as [$field, $entry]) {
            [$base, $rest] = preg_match('/^([^\[]+)(\[.*)$/s', $field, $found) ? [$found[1], $found[2]] : [$field, ''];
            foreach ($entry as $key => $value) {
                $query .= urlencode("{$base}[$key]$rest") . '=' . urlencode((string) $value) . '&';
            }
        }
        parse_str($query, $files);
        foreach ($files as &$file) {
            foreach (['error', 'size'] as $key) {
                is_array($file[$key]) ? array_walk_recursive($file[$key], static fn (&$value) => $value = (int) $value) : $file[$key] = (int) $file[$key];
            }
        }
        return $files;
    }
}
