<?php

declare(strict_types=1);

namespace HearthEnv;

/**
 * Stdout and stderr of one process as pipes, read by the server as JSON lines with request ids (HEARTH_LOG=json).
 *
 * The process marks in the pipes themselves which request it works for, so that the order of marks and lines is kept, and
 * what PHP itself and child processes write is caught as well.
 */
final class LogPipes
{
    private const LINE_LIMIT = 16 * 1024;
    private const CAPACITY = 1 << 20;
    private const NAMES = [1 => 'out', 2 => 'err'];
    private static ?string $token = null;
    private static $sink = null;

    /** @var array<int, resource> */
    private array $readers = [];
    /** @var array<int, resource> */
    private array $writers = [];
    /** @var array<int, string> */
    private array $ids = [1 => '', 2 => ''];
    /** @var array<int, string> */
    private array $partial = [1 => '', 2 => ''];

    /** To be called before any process's output is replaced. Without HEARTH_LOG=json nothing is caught. */
    public static function isWanted(): bool
    {
        if (getenv('HEARTH_LOG') !== 'json') {
            return false;
        }
        self::$token ??= "\x1e" . bin2hex(random_bytes(8)) . ' ';
        self::$sink ??= fopen('php://stdout', 'w');
        return true;
    }

    /** @param bool $patient whether a writer waits when the pipe is full; the reader itself must not */
    public function __construct(bool $patient)
    {
        foreach (self::NAMES as $number => $name) {
            $path = sys_get_temp_dir() . '/hearth-log-' . bin2hex(random_bytes(8));
            if (!posix_mkfifo($path, 0600)) {
                throw new \RuntimeException("no pipe can be made in TMPDIR: $path");
            }
            $this->readers[$number] = fopen($path, 'rn');
            $this->writers[$number] = fopen($path, $patient ? 'w' : 'wn');
            unlink($path);
            stream_set_blocking($this->readers[$number], false);
            stream_set_read_buffer($this->readers[$number], 0);
        }
        if (!$patient) {
            array_walk($this->writers, fn ($writer) => Kernel::widenPipe($writer, self::CAPACITY));
        }
    }

    /** In the process whose output it is. */
    public function install(): void
    {
        foreach ($this->writers as $number => $writer) {
            Kernel::replace($number, $writer);
        }
        $this->closeWriters();
    }

    /** In the same process: what is written from now on belongs to the request. */
    public static function mark(string $id): void
    {
        if (self::$token === null) {
            return;
        }
        $line = self::$token . addcslashes($id, "\n\\") . "\n";
        foreach (['php://stdout', 'php://stderr'] as $name) {
            $stream = fopen($name, 'w');
            @fwrite($stream, $line);
            fclose($stream);
        }
    }

    public function closeWriters(): void
    {
        array_walk($this->writers, fn ($writer) => fclose($writer));
        $this->writers = [];
    }

    public function closeReaders(): void
    {
        array_walk($this->readers, fn ($reader) => fclose($reader));
        $this->readers = [];
    }

    /** @return array<int, resource> */
    public function readers(): array
    {
        return $this->readers;
    }

    /** Passes on what there is; at the end of file the reader is gone. */
    public function pump(): void
    {
        foreach ($this->readers as $number => $reader) {
            for ($rounds = 0; $rounds < 16 && ($data = @fread($reader, 65536)) !== false && $data !== ''; $rounds++) {
                $this->take($number, $data);
            }
            if (feof($reader)) {
                $this->emit($number, $this->partial[$number]);
                $this->partial[$number] = '';
                fclose($reader);
                unset($this->readers[$number]);
            }
        }
    }

    private function take(int $number, string $data): void
    {
        $lines = explode("\n", $this->partial[$number] . $data);
        $this->partial[$number] = array_pop($lines);
        foreach ($lines as $line) {
            $mark = strpos($line, self::$token);
            if ($mark === false) {
                $this->emit($number, $line, true);
                continue;
            }
            $this->emit($number, substr($line, 0, $mark));
            $this->ids[$number] = stripcslashes(substr($line, $mark + strlen(self::$token)));
        }
        while (strlen($this->partial[$number]) > self::LINE_LIMIT && !str_contains($this->partial[$number], "\x1e")) {
            $this->emit($number, substr($this->partial[$number], 0, self::LINE_LIMIT));
            $this->partial[$number] = substr($this->partial[$number], self::LINE_LIMIT);
        }
    }

    private function emit(int $number, string $line, bool $evenEmpty = false): void
    {
        if ($line === '' && !$evenEmpty) {
            return;
        }
        foreach ($line === '' ? [''] : mb_str_split(mb_scrub($line, 'UTF-8'), self::LINE_LIMIT, 'UTF-8') as $part) {
            $record = ['hearth' => 1, 'stream' => self::NAMES[$number], 'request_id' => $this->ids[$number], 'message' => $part];
            @fwrite(self::$sink, json_encode($record, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES) . "\n");
        }
    }
}
