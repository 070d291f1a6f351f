<?php

declare(strict_types=1);

namespace HearthEnv;

/** A worker as the server sees it. */
final class WorkerHandle
{
    public bool $isIdle = true;

    /** @param resource $control the server's end */
    public function __construct(public readonly int $pid, public $control, public readonly ?LogPipes $log)
    {
    }

    /** False when the worker has ended. */
    public function hear(): bool
    {
        $said = @fread($this->control, 64);
        $this->isIdle = $this->isIdle && ($said === '' || $said === false);
        return $said !== '' && $said !== false || !feof($this->control);
    }

    public function askToLeave(): void
    {
        @stream_socket_shutdown($this->control, STREAM_SHUT_WR);
    }

    public function forget(): void
    {
        fclose($this->control);
        $this->log?->closeReaders();
    }
}
