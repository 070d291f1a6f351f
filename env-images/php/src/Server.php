<?php

declare(strict_types=1);

namespace HearthEnv;

/**
 * The instance: answers by itself until code is loaded, then keeps one process waiting for the next connection.
 *
 * Workers are forked from the process that has loaded the code, so that each starts with it; a handler that blocks, calls exit()
 * or runs out of memory takes its own connection with it and no other.
 */
final class Server
{
    private const WORKERS = 64;
    private const DRAIN_SECONDS = 90; // what a pod gets by default
    private Generic $generic;
    private ?LogPipes $log = null;
    /** @var array<int, WorkerHandle> */
    private array $workers = [];
    /** @var list<Connection> */
    private array $callers = [];
    private bool $isDraining = false;
    private float $drainEnd = INF;
    private int $pid;

    public function __construct(private $listener)
    {
        stream_set_blocking($listener, false);
        $this->generic = new Generic();
        $this->pid = getmypid();
    }

    /** Returns the exit code. */
    public function run(): int
    {
        Kernel::prepare();
        if (LogPipes::isWanted()) {
            $this->log = new LogPipes(false);
            $this->log->install();
        }
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, function () {
            $this->isDraining = true;
        });
        while (!$this->isDraining || $this->workers) {
            $this->isDraining && $this->drainEnd === INF && $this->drain();
            if (microtime(true) > $this->drainEnd) {
                return $this->cutOff();
            }
            $this->isDraining || $this->generic->function === null || $this->keepOneWaiting();
            $this->step();
        }
        $this->pumpLogs();
        return 0;
    }

    private function step(): void
    {
        $controls = array_map(fn ($worker) => $worker->control, $this->workers);
        $callers = array_map(fn ($caller) => $caller->stream(), $this->callers);
        $accepts = $this->generic->function === null && !$this->isDraining ? [$this->listener] : [];
        $read = [...$accepts, ...array_values($controls), ...$callers, ...$this->logReaders()];
        $none = null;
        if (@stream_select($read, $none, $none, 1)) { // a signal in the moment before is seen a second later
            $this->pumpLogs();
            foreach ($controls as $pid => $control) {
                in_array($control, $read, true) && $this->hear($pid);
            }
            foreach ($callers as $index => $caller) {
                if (in_array($caller, $read, true)) {
                    $this->generic->serve($this->callers[$index]);
                    unset($this->callers[$index]);
                }
            }
            $this->callers = array_values($this->callers);
            in_array($this->listener, $read, true) && $this->accept();
        }
    }

    private function accept(): void
    {
        $stream = @stream_socket_accept($this->listener, 0);
        if ($stream && $this->generic->function === null) {
            $this->callers[] = new Connection($stream);
        }
    }

    private function logReaders(): array
    {
        $readers = $this->log ? array_values($this->log->readers()) : [];
        foreach ($this->workers as $worker) {
            $readers = [...$readers, ...array_values($worker->log?->readers() ?? [])];
        }
        return $readers;
    }

    private function pumpLogs(): void
    {
        $this->log?->pump();
        foreach ($this->workers as $worker) {
            $worker->log?->pump();
        }
    }

    private function hear(int $pid): void
    {
        $worker = $this->workers[$pid];
        if ($worker->hear()) {
            return;
        }
        pcntl_waitpid($pid, $status);
        if (pcntl_wifsignaled($status)) {
            fwrite(fopen('php://stderr', 'w'), 'php environment: a worker was ended by signal ' . pcntl_wtermsig($status) . "\n");
        }
        $worker->log?->pump();
        $worker->forget();
        unset($this->workers[$pid]);
    }

    private function keepOneWaiting(): void
    {
        $idle = array_filter($this->workers, fn ($worker) => $worker->isIdle);
        $limit = (int) (getenv('HEARTH_WORKERS') ?: self::WORKERS);
        if ($idle === [] && count($this->workers) < max(1, min($limit, 256))) {
            $this->fork();
        }
    }

    private function fork(): void
    {
        $log = $this->log ? new LogPipes(true) : null;
        [$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        $pid = pcntl_fork();
        if ($pid < 0) {
            fwrite(fopen('php://stderr', 'w'), 'php environment: no process can be started: ' . pcntl_strerror(pcntl_get_last_error()) . "\n");
            sleep(1); // the limit on processes may be passed later
            return;
        }
        if ($pid === 0) {
            $this->becomeWorker($log, $ours, $theirs);
        }
        fclose($theirs);
        $log?->closeWriters();
        stream_set_blocking($ours, false);
        $this->workers[$pid] = new WorkerHandle($pid, $ours, $log);
    }

    private function becomeWorker(?LogPipes $log, $ours, $theirs): never
    {
        Kernel::dieWithParent($this->pid);
        pcntl_signal(SIGTERM, static function () {
            // The server says when to end; a handler, as an ignored signal would stay ignored in what the function starts.
        });
        $log?->install();
        $log?->closeReaders();
        fclose($ours);
        $this->log?->closeReaders();
        array_walk($this->workers, fn ($worker) => $worker->forget());
        array_walk($this->callers, fn ($caller) => fclose($caller->stream()));
        (new Worker($this->listener, $theirs, $this->generic->function))->run();
    }

    private function drain(): void
    {
        $seconds = getenv('HEARTH_DRAIN_SECONDS');
        $this->drainEnd = microtime(true) + (is_numeric($seconds) ? max((float) $seconds, 0.001) : self::DRAIN_SECONDS);
        $name = stream_socket_get_name($this->listener, false);
        fclose($this->listener);
        if ($name && @filetype($name) === 'socket') {
            unlink($name);
        }
        array_walk($this->callers, fn ($caller) => $caller->close());
        array_walk($this->workers, fn ($worker) => $worker->askToLeave());
        $this->callers = [];
    }

    private function cutOff(): int
    {
        $this->pumpLogs();
        fwrite(fopen('php://stderr', 'w'), "php environment: calls still run after HEARTH_DRAIN_SECONDS; they are cut off\n");
        foreach (array_keys($this->workers) as $pid) {
            posix_kill($pid, SIGKILL);
        }
        $this->pumpLogs();
        return 1;
    }
}
