<?php

declare(strict_types=1);

namespace HearthEnv;

use Psr\Http\Message\ServerRequestInterface;

/** A process that waits for one connection and serves its requests, one after the other, until the caller closes it. */
final class Worker
{
    private static ?FunctionLogger $logger = null;
    private static ?Call $call = null;

    /** @param resource $control ends when the instance drains */
    public function __construct(private $listener, private $control, private mixed $function)
    {
    }

    public static function logger(): FunctionLogger
    {
        return self::$logger ??= new FunctionLogger();
    }

    public function run(): never
    {
        register_shutdown_function(self::interrupted(...));
        define('STDOUT', fopen('php://stdout', 'w'));
        define('STDERR', fopen('php://stderr', 'w'));
        $connection = $this->accept();
        fclose($this->listener);
        @fwrite($this->control, 'b');
        Kernel::keepFromChildren();
        try {
            $this->serve($connection);
        } catch (ConnectionLost) {
            // nobody is there to be told
        }
        $connection->close();
        $this->leave(0);
    }

    private function accept(): Connection
    {
        while (true) {
            if (self::readable([$this->listener, $this->control]) === $this->control) {
                $this->leave(0);
            }
            $stream = @stream_socket_accept($this->listener, 0);
            if ($stream) {
                return new Connection($stream);
            }
        }
    }

    /** Waits until one of the streams can be read; the last one that can. */
    private static function readable(array $streams, ?int $seconds = 3600)
    {
        do {
            [$read, $none] = [$streams, null];
            $count = @stream_select($read, $none, $none, $seconds);
        } while (!$count && $seconds !== 0);
        return $count ? end($read) : null;
    }

    private function serve(Connection $connection): void
    {
        $isOpen = true;
        while ($isOpen) {
            if (!$connection->hasInput() && self::readable([$connection->stream(), $this->control]) === $this->control) {
                return;
            }
            $head = $connection->readHead();
            $isOpen = $head !== null && $this->answer($head, $connection) && self::readable([$this->control], 0) === null;
        }
    }

    private function answer(string $head, Connection $connection): bool
    {
        try {
            $request = Requests::parse($head, $connection);
        } catch (ConnectionLost $bad) {
            (new Reply($connection, false, true, false))->whole(400, ['Content-Type' => ['text/plain']], $bad->getMessage() . "\n");
            return false;
        }
        $reply = new Reply($connection, $request->getMethod() === 'HEAD', $request->getProtocolVersion() === '1.1', Requests::keepsConnection($request));
        $body = $request->getBody();
        if (!$this->answersForPlatform($request, $reply)) {
            $this->call($request, $connection, $reply);
        }
        return $reply->keepAlive && $body->discard();
    }

    private function call(ServerRequestInterface $request, Connection $connection, Reply $reply): void
    {
        $id = Requests::id($request);
        LogPipes::mark($id);
        self::$call = new Call($this->function, $request, $connection, $reply, $id);
        self::$call->run();
        self::$call = null;
        $reply->isHandedOver() || LogPipes::mark('');
    }

    /** Once code is loaded these are the platform's, unless the gateway passes on a caller's request. */
    private function answersForPlatform(ServerRequestInterface $request, Reply $reply): bool
    {
        $path = explode('?', $request->getRequestTarget(), 2)[0];
        if (!Generic::isPlatform($request->getMethod(), $path) || $request->hasHeader('X-Fission-Function-Name')) {
            return false;
        }
        [$status, $text] = $path === '/healthz' ? [200, "ok\n"] : [400, Generic::LOADED];
        $reply->whole($status, ['Content-Type' => ['text/plain; charset=utf-8']], $text);
        return true;
    }

    /** exit() in the function, or an error that PHP cannot go on from. */
    private static function interrupted(): void
    {
        self::$call?->interrupted();
        // After the function's own shutdown functions.
        register_shutdown_function(static fn () => Kernel::leave(0));
    }

    private function leave(int $code): never
    {
        Kernel::leave($code);
    }
}
